// How each process of Ruth starts, hears that it shall stop, and ends. For `main.ts` files only.
//
//   -c FILE   settings from ruth.yaml; `-c -` reads them from standard input, so that no credential stands in a
//             process list or in a file of its own
//   --ended-before TEXT   what its supervisor saw of the end of the process before this one
//   --take-over   take the place of a process of the same kind that serves now, once ready to serve; its supervisor then
//             tells that one to drain
//
// A process stops on SIGTERM, on SIGINT (unless supervised: then the supervisor orders the end), and when its
// supervisor's channel closes, be it by `kill -9`. A process that has not ended STOP_LIMIT_MS later ends itself. It answers
// its supervisor's pings while its event loop turns, and may ask for a successor where it cannot go on for long.
import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { RuthError, supervisorSocketPath } from '@ruth/protocol/base';
import type { Settings } from '@ruth/protocol';
import { claimSocketPath } from '../ipc/socket-path.ts';
import { createLogger, type Logger } from './logger.ts';

export const STOP_LIMIT_MS = 4000;
/** A process whose place another has taken answers what it was asked for so long at most. */
export const DRAIN_LIMIT_MS = 10_000;

/** What each process needs of the settings. */
export type ProcessSettings = Pick<Settings, 'logLevel' | 'socketDirectory'>;

export interface ProcessContext<S extends ProcessSettings = Settings> {
  readonly settings: S;
  readonly logger: Logger;
  /** What the supervisor saw of the end of the process before this one: killed by what, or that it hung; null where there was none, or it said why by itself. */
  readonly endedBefore: string | null;
  /** `signal` was aborted because the supervisor is gone, and did not stop this process. */
  readonly orphaned: boolean;
  /** Arguments that are no options, e.g. a model folder. */
  readonly positionals: readonly string[];
  /** Aborted when the process shall stop; `run` must then clean up and return. */
  readonly signal: AbortSignal;
  /** Another process of this kind serves now, and goes on until this one says `ready`. */
  readonly takeOver: boolean;
  /** Aborted when another process has taken this one's place; `run` must then answer what it was asked within DRAIN_LIMIT_MS, and return. */
  readonly drain: AbortSignal;
  /** Says to the log, and to a supervisor if there is one, that the process serves. `secrets` are told to the supervisor alone. */
  ready(details?: Record<string, unknown>, secrets?: Record<string, unknown>): void;
  /** Somebody reads what this process is told to say in private: a supervisor. */
  readonly supervised: boolean;
  /**
   * Says that this process should not go on for long, and why. A supervisor starts a successor and, once that is ready, has this one
   * drain. Without one `drain` aborts at once and the process ends with 1, so that whatever started it (systemd, Docker) does so anew.
   */
  recycle(reason: string): void;
}

/** What a supervisor tells its process over the IPC channel. */
export type SupervisorMessage = { type: 'drain' } | { type: 'ping' };

/** What a supervised process tells its supervisor over the IPC channel. */
export type ProcessMessage =
  | { type: 'ready'; details: Record<string, unknown>; secrets: Record<string, unknown> } | { type: 'failed'; code: string; message: string }
  | { type: 'pong' } | { type: 'recycle'; reason: string };

/** Runs `run` until it returns, then exits: 0 when it returned, 1 when it threw. `load` gives the settings that `-c` names; `loadSettings` unless told. */
export async function runProcess<S extends ProcessSettings = Settings>(name: string, run: (context: ProcessContext<S>) => Promise<void>, load?: (file: string | undefined) => S): Promise<never> {
  const stop = new AbortController();
  const drain = new AbortController();
  const supervised = process.send !== undefined;
  const end = (reason: string): void => {
    if (stop.signal.aborted) return;
    stop.abort(new RuthError('shutting_down', reason));
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => { if (!supervised) end('SIGINT'); });
  let orphaned = false;
  if (supervised) {
    process.on('disconnect', () => {
      orphaned = true;
      end('the supervisor is gone');
    });
    process.on('message', (message: SupervisorMessage) => {
      if (message.type === 'drain') drain.abort();
      else if (message.type === 'ping') tell({ type: 'pong' });
    });
  }
  // A closed pipe to a supervisor that died must not end the clean-up half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  let logger = createLogger(name, 'info');
  let exitCode = 0;
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { config: { type: 'string', short: 'c' }, 'ended-before': { type: 'string' }, 'take-over': { type: 'boolean', default: false } } });
    const settings = load?.(values.config) ?? await fullSettings<S>(values.config);
    logger = createLogger(name, settings.logLevel);
    await run({
      settings, logger, positionals, signal: stop.signal, takeOver: values['take-over'], drain: drain.signal,
      supervised, endedBefore: values['ended-before'] ?? null,
      get orphaned() { return orphaned; },
      ready(details = {}, secrets = {}) {
        logger.info(details, 'ready');
        tell({ type: 'ready', details, secrets });
        // What was compiled so far serves the next start, also where this process is killed.
        flushCompileCache();
      },
      recycle(reason) {
        logger.warn({ supervised }, `asks for a successor: ${reason}`);
        if (supervised) return tell({ type: 'recycle', reason });
        exitCode = 1;
        drain.abort();
      },
    });
    if (orphaned) await tidyAfterSupervisor(settings);
    logger.info('stopped');
    process.exit(exitCode);
  } catch (cause) {
    const error = RuthError.from(cause);
    logger.error({ code: error.code, err: error }, error.message);
    tell({ type: 'failed', code: error.code, message: error.message });
    process.exit(1);
  }
}

/** The schemas of all settings take a while to load. */
async function fullSettings<S extends ProcessSettings>(file: string | undefined): Promise<S> {
  return (await import('./load-settings.ts')).loadSettings(file) as ProcessSettings as S;
}

/** A supervisor that was killed could not remove its socket. One that serves, killed and started again meanwhile, keeps its own. */
async function tidyAfterSupervisor({ socketDirectory }: ProcessSettings): Promise<void> {
  await claimSocketPath(supervisorSocketPath(socketDirectory)).catch(() => undefined);
}

function tell(message: ProcessMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
