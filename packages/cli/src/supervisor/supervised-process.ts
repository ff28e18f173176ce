// One child process that is kept running: started, watched, restarted with exponential back-off and jitter, ended in time.
// The settings travel over standard input, so that no credential stands in a process list, an environment or a file.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ERRORS, type ErrorCode, RuthError } from '@ruth/protocol';
import { type ProcessMessage, STOP_LIMIT_MS } from '@ruth/transport';
import { ExponentialBackoff } from 'cockatiel';

export interface ProcessDefinition {
  /** Shown in logs, e.g. `kernel` or `container centernet-coco`. */
  readonly name: string;
  /** The process's `main.ts`. */
  readonly entry: string;
  readonly args: readonly string[];
  /** Written to standard input at each start, then closed. */
  readonly stdin: string | (() => string);
  /** Ruth cannot run at all without it: a mistake that no retry can mend then ends everything. */
  readonly required: boolean;
}

export type ProcessState = 'starting' | 'ready' | 'waiting' | 'crash_loop' | 'stopped';

export interface ProcessObserver {
  log(name: string, line: string): void;
  state(name: string, state: ProcessState, details: Record<string, unknown>): void;
}

/** So many ends within the window are a crash loop: it is said loudly, and tries go on at the longest delay. */
export const CRASH_LOOP_ENDS = 5;
export const CRASH_LOOP_WINDOW_MS = 60_000;
const LONGEST_DELAY_MS = 30_000;
/** Heaps are small and cores are shared: waking V8's helper threads to collect them costs more than they save. */
export const PROCESS_FLAGS = ['--single-threaded-gc'];
/** A process that served for so long starts over with short delays when it ends. */
const HEALTHY_AFTER_MS = 60_000;

export class SupervisedProcess {
  readonly definition: ProcessDefinition;
  readonly #observer: ProcessObserver;
  readonly #firstReady = Promise.withResolvers<Record<string, unknown>>();
  #child: ChildProcess | null = null;
  #failure: RuthError | null = null;
  restarts = 0;

  constructor(definition: ProcessDefinition, observer: ProcessObserver) {
    this.definition = definition;
    this.#observer = observer;
    this.#firstReady.promise.catch(() => undefined);
  }

  get pid(): number | null { return this.#child?.pid ?? null; }

  /** What the process said of itself when it was ready for the first time; rejects when it cannot ever be. */
  get firstReady(): Promise<Record<string, unknown>> { return this.#firstReady.promise; }

  /** Keeps the process running until `signal` aborts; then ends it and returns once it is gone. */
  async run(signal: AbortSignal): Promise<void> {
    const newBackoff = () => new ExponentialBackoff({ initialDelay: 250, maxDelay: LONGEST_DELAY_MS }).next();
    let backoff = newBackoff();
    const endsMs: number[] = [];
    while (!signal.aborted) {
      const startedMs = performance.now();
      const reason = await this.#runOnce(signal);
      if (signal.aborted) break;
      const failure = this.#failure;
      const hopeless = failure !== null && !failure.retryable && failure.code !== 'internal';
      if (hopeless) this.#firstReady.reject(failure);
      if (hopeless && this.definition.required) return;

      this.restarts++;
      const nowMs = performance.now();
      if (nowMs - startedMs > HEALTHY_AFTER_MS) backoff = newBackoff();
      endsMs.push(nowMs);
      while (endsMs[0]! < nowMs - CRASH_LOOP_WINDOW_MS) endsMs.shift();
      const looping = hopeless || endsMs.length >= CRASH_LOOP_ENDS;
      const delayMs = looping ? LONGEST_DELAY_MS : Math.min(LONGEST_DELAY_MS, backoff.duration);
      this.#observer.state(this.definition.name, looping ? 'crash_loop' : 'waiting', { reason, next_start_in_ms: Math.round(delayMs), ends_in_window: endsMs.length });
      backoff = backoff.next(undefined);
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
    }
    this.#firstReady.reject(new RuthError('shutting_down', `${this.definition.name} was stopped before it was ready`));
    this.#observer.state(this.definition.name, 'stopped', {});
  }

  /** One life of the process: returns why it ended. */
  async #runOnce(signal: AbortSignal): Promise<string> {
    this.#failure = null;
    const { name, entry, args, stdin } = this.definition;
    this.#observer.state(name, 'starting', {});
    const child = spawn(process.execPath, [...PROCESS_FLAGS, entry, '-c', '-', ...args], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(typeof stdin === 'string' ? stdin : stdin());
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', (line) => this.#observer.log(name, line));
    child.on('message', (message: ProcessMessage) => {
      if (message.type === 'ready') {
        this.#firstReady.resolve(message.details);
        this.#observer.state(name, 'ready', message.details);
      } else if (message.type === 'failed') {
        this.#failure = new RuthError(message.code in ERRORS ? message.code as ErrorCode : 'internal', message.message);
      }
    });
    const stop = (): void => { void this.#stop(child); };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const [code, killedBy] = await once(child, 'exit').catch((error: Error) => [error.message, null]) as [number | string | null, string | null];
    signal.removeEventListener('abort', stop);
    this.#child = null;
    return (this.#failure as RuthError | null)?.message ?? (killedBy ? `killed by ${killedBy}` : `exit ${code}`);
  }

  async #stop(child: ChildProcess): Promise<void> {
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS + 1000);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    clearTimeout(limit);
  }
}
