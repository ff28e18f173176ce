// What a container needs of the settings of its node: no camera, no password.
import { DEFAULT_RING_DIRECTORY, DEFAULT_SOCKET_DIRECTORY } from '@ruth/protocol/base';
import { plainYaml } from '@ruth/protocol/compiled';
import type { Settings } from '@ruth/protocol';

export type ContainerSettings = Pick<Settings, 'socketDirectory' | 'ringDirectory' | 'logLevel'>;

/** As `container-main.ts` is told them. */
export interface ConfinedSettings extends ContainerSettings {
  /** What this machine could not take from the container, in words. */
  readonly unconfined: readonly string[];
}

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies Settings['logLevel'][];

/** Out of the text of a `ruth.yaml`, of which nothing else is looked at. Null where that much of it is wrong. */
export function handedSettings(text: string): ContainerSettings | null {
  const config = record(jsonOf(text) ?? plainYaml(text));
  const paths = record(config?.paths ?? {});
  if (!config || !paths) return null;
  const { log_level: level = 'info' } = config;
  const { socket_directory: sockets = DEFAULT_SOCKET_DIRECTORY, ring_directory: rings = DEFAULT_RING_DIRECTORY } = paths;
  if (typeof sockets !== 'string' || typeof rings !== 'string' || typeof level !== 'string' || !LEVELS.includes(level)) return null;
  return { socketDirectory: sockets, ringDirectory: rings, logLevel: level as Settings['logLevel'] };
}

/** What a supervisor writes: YAML contains it, and takes ten times as long to read. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
}
