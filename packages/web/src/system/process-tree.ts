// The processes of a node as the tree that they are: the supervisor's children, and under the kernel one process for each camera.
import type { CameraStatus, SupervisedProcessStatus, SystemHealth } from '@ruth/protocol';

export type ProcessTone = 'good' | 'warn' | 'bad' | 'unknown';

export interface ProcessNode {
  readonly name: string;
  readonly tone: ProcessTone;
  readonly state: string;
  readonly pid: number | null;
  /** UTC seconds; null where it is not known. */
  readonly since: number | null;
  readonly reason: string | null;
  readonly restarts: number | null;
  /** Newest first. */
  readonly ends: readonly { readonly at: number; readonly reason: string }[];
  readonly residentBytes: number | null;
  readonly cpuS: number | null;
  readonly children: readonly ProcessNode[];
}

const TONES: Record<SupervisedProcessStatus['state'], ProcessTone> = { starting: 'warn', ready: 'good', waiting: 'bad', crash_loop: 'bad', stopped: 'unknown', replacing: 'warn', not_replaced: 'warn' };

/** `processes` null: there is no supervisor, and what is known comes from the parts themselves. */
export function processTree(processes: readonly SupervisedProcessStatus[] | null, cameras: readonly CameraStatus[], health: SystemHealth | null): ProcessNode[] {
  const ingests = cameras.map(ingestOf);
  if (processes === null) return health ? unsupervised(health, ingests) : [];
  return processes.map((process) => ({
    name: process.name, tone: TONES[process.state], state: process.state.replaceAll('_', ' '), pid: process.pid, since: process.since, reason: process.reason, restarts: process.restarts,
    ends: process.ends.toReversed(), residentBytes: process.resident_bytes, cpuS: process.cpu_s, children: process.name === 'kernel' ? ingests : [],
  }));
}

const bare = { since: null, restarts: null, ends: [], residentBytes: null, cpuS: null, children: [] };

function ingestOf({ camera_id, state, pid, counters, last_error }: CameraStatus): ProcessNode {
  const tone = state === 'streaming' ? 'good' : state === 'connecting' ? 'warn' : 'bad';
  return { ...bare, name: `camera ${camera_id}`, tone, state, pid, reason: state === 'streaming' ? null : last_error?.message ?? null, restarts: counters.restarts };
}

function unsupervised({ kernel, core, server, models }: SystemHealth, ingests: readonly ProcessNode[]): ProcessNode[] {
  const part = (name: string, { status, error }: SystemHealth['kernel'], children: readonly ProcessNode[] = []): ProcessNode => (
    { ...bare, name, tone: status === 'ready' ? 'good' : status === 'unreachable' ? 'bad' : 'warn', state: status, pid: null, reason: error, children }
  );
  return [
    part('kernel', kernel, ingests), part('core', core),
    ...(models ?? []).map(({ model_id, state, error }): ProcessNode => ({ ...bare, name: `container ${model_id}`, tone: state === 'up' ? 'good' : 'bad', state, pid: null, reason: error })),
    { ...bare, name: 'server', tone: 'good', state: server.status, pid: server.pid, reason: null },
  ];
}

/** What ended again and again for one reason is one, with how often; the newest first. */
export function alikeEnds(tree: readonly ProcessNode[]): { readonly name: string; readonly reason: string; readonly at: number; readonly firstAt: number; readonly times: number }[] {
  return tree.flatMap(({ name, ends }) => [...Map.groupBy(ends, ({ reason }) => reason)].map(([reason, alike]) => {
    const instants = alike.map(({ at }) => at);
    return { name, reason, at: Math.max(...instants), firstAt: Math.min(...instants), times: alike.length };
  })).toSorted((a, b) => b.at - a.at);
}
