// One life of a process, from its start to its end, which comes at once where it hangs. The settings travel over standard input, so that no credential stands in
// a process list, an environment or a file.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ERRORS, type ErrorCode, RuthError } from '@ruth/protocol';
import { DRAIN_LIMIT_MS, type ProcessMessage, STOP_LIMIT_MS, type SupervisorMessage } from '@ruth/transport';
import { Heartbeat } from './heartbeat.ts';
import type { ProcessDefinition } from './process-definition.ts';

/** Heaps are small and cores are shared: waking V8's helper threads to collect them costs more than they save. */
export const PROCESS_FLAGS = ['--single-threaded-gc'];
/** While it starts: loading may block the loop for long, on a busy machine. */
const START_HANG_LIMIT_S = 120;
const DEFAULT_HANG_LIMIT_S = 30;
/** Beyond the limit that a process keeps by itself. */
const PATIENCE_MS = 1000;

/** `endedBefore`: what was seen of the end of the life before; null where there was none, or it said why by itself. */
interface LifeOptions { readonly takeOver: boolean; readonly endedBefore: string | null; readonly log: (line: string) => void; readonly recycle: (reason: string) => void }

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
  readonly #heartbeat: Heartbeat;
  #failure: RuthError | null = null;
  /** What it said with `ready` that no log may hold. */
  secrets: Readonly<Record<string, unknown>> = {};
  #hung = false;
  readonly #memoryKillsBefore = memoryKills();

  /** `takeOver`: another life of the same process serves meanwhile. `recycle`: it asks for a successor, and says why. */
  constructor({ entry, args, stdin, hangLimitS }: ProcessDefinition, { takeOver, endedBefore, log, recycle }: LifeOptions) {
    const options = ['-c', '-', ...(takeOver ? ['--take-over'] : []), ...(endedBefore === null ? [] : [`--ended-before=${endedBefore}`])];
    const child = this.#child = spawn(process.execPath, [...PROCESS_FLAGS, entry, ...options, ...args], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] });
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(typeof stdin === 'string' ? stdin : stdin());
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', log);
    const ready = Promise.withResolvers<Record<string, unknown>>();
    this.#heartbeat = new Heartbeat({
      ask: () => this.#tell({ type: 'ping' }),
      onHang: () => {
        this.#hung = true;
        child.kill('SIGKILL');
      },
      limitS: START_HANG_LIMIT_S,
    });
    child.on('message', (message: ProcessMessage) => {
      this.#heartbeat.answered();
      if (message.type === 'pong') return;
      if (message.type === 'ready') {
        this.#heartbeat.limitS = hangLimitS ?? DEFAULT_HANG_LIMIT_S;
        this.secrets = message.secrets;
        ready.resolve(message.details);
      } else if (message.type === 'recycle') recycle(message.reason);
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
    this.#tell({ type: 'drain' }, (error) => { if (error) void this.stop(); });
    await this.#killAfter(DRAIN_LIMIT_MS + STOP_LIMIT_MS + PATIENCE_MS);
  }

  async #killAfter(limitMs: number): Promise<void> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await this.ended;
    clearTimeout(limit);
  }

  /** A channel that is closed already is no mistake: the end is on its way. */
  #tell(message: SupervisorMessage, sent: (error: Error | null) => void = () => undefined): void {
    this.#child.send(message, sent);
  }

  async #end(): Promise<string> {
    const [code, killedBy] = await once(this.#child, 'exit').catch((error: Error) => [error.message, null]) as [number | string | null, string | null];
    this.#heartbeat[Symbol.dispose]();
    if (this.#hung) return `it gave no sign of life for ${this.#heartbeat.limitS} s, and was killed`;
    if (this.#failure !== null) return this.#failure.message;
    // The system tells how often, not whom.
    const forMemory = killedBy === 'SIGKILL' && memoryKills() > this.#memoryKillsBefore ? ', while the system ended processes for want of memory' : '';
    return killedBy ? `killed by ${killedBy}${forMemory}` : `exit ${code}`;
  }
}

/** How many processes the system has ended for want of memory since it started; 0 where it does not tell. */
function memoryKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
