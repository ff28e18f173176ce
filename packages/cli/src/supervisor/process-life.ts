// One life of a process, from its start to its end. The settings travel over standard input, so that no credential stands in
// a process list, an environment or a file.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ERRORS, type ErrorCode, RuthError } from '@ruth/protocol';
import { DRAIN_LIMIT_MS, type ProcessMessage, STOP_LIMIT_MS, type SupervisorMessage } from '@ruth/transport';
import type { ProcessDefinition } from './supervised-process.ts';

/** Heaps are small and cores are shared: waking V8's helper threads to collect them costs more than they save. */
export const PROCESS_FLAGS = ['--single-threaded-gc'];
/** Beyond the limit that a process keeps by itself. */
const PATIENCE_MS = 1000;

export class ProcessLife {
  readonly startedMs = performance.now();
  /** What the process said of itself when it was ready; rejects where it ended before. */
  readonly ready: Promise<Record<string, unknown>>;
  /** Why it ended, in words. */
  readonly ended: Promise<string>;
  /** Resolves when another life is to serve in its place. */
  readonly relieved: Promise<void>;
  readonly #relieved = Promise.withResolvers<void>();
  readonly #child: ChildProcess;
  #failure: RuthError | null = null;

  /** `takeOver`: another life of the same process serves meanwhile. */
  constructor({ entry, args, stdin }: ProcessDefinition, { takeOver, log }: { takeOver: boolean; log: (line: string) => void }) {
    const options = takeOver ? ['-c', '-', '--take-over'] : ['-c', '-'];
    const child = this.#child = spawn(process.execPath, [...PROCESS_FLAGS, entry, ...options, ...args], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] });
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(typeof stdin === 'string' ? stdin : stdin());
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', log);
    const ready = Promise.withResolvers<Record<string, unknown>>();
    child.on('message', (message: ProcessMessage) => {
      if (message.type === 'ready') ready.resolve(message.details);
      else if (message.type === 'failed') this.#failure = new RuthError(message.code in ERRORS ? message.code as ErrorCode : 'internal', message.message);
    });
    this.relieved = this.#relieved.promise;
    this.ready = ready.promise;
    this.ready.catch(() => undefined);
    this.ended = this.#end().then((reason) => {
      ready.reject(this.#failure ?? new RuthError('internal', `it ended before it was ready: ${reason}`));
      return reason;
    });
  }

  get pid(): number | null { return this.#child.pid ?? null; }
  /** What the process said of its end, if it did. */
  get failure(): RuthError | null { return this.#failure; }

  /** Asks it to end, and kills it where it does not in time. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#killAfter(STOP_LIMIT_MS + PATIENCE_MS);
  }

  /** Says that another life serves now: it answers what it was asked and ends. */
  async drain(): Promise<void> {
    this.#relieved.resolve();
    this.#child.send({ type: 'drain' } satisfies SupervisorMessage, (error) => { if (error) void this.stop(); });
    await this.#killAfter(DRAIN_LIMIT_MS + STOP_LIMIT_MS + PATIENCE_MS);
  }

  async #killAfter(limitMs: number): Promise<void> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await this.ended;
    clearTimeout(limit);
  }

  async #end(): Promise<string> {
    const [code, killedBy] = await once(this.#child, 'exit').catch((error: Error) => [error.message, null]) as [number | string | null, string | null];
    return this.#failure?.message ?? (killedBy ? `killed by ${killedBy}` : `exit ${code}`);
  }
}
