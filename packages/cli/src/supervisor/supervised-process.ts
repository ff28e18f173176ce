// A process that is kept running: started, watched, restarted with exponential back-off and jitter, ended in time. One that
// allows it can be replaced while it serves: its successor starts beside it, and only when that is ready does it end.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { ExponentialBackoff } from 'cockatiel';
import type { ProcessDefinition } from './process-definition.ts';
import { ProcessLife } from './process-life.ts';

export type ProcessState = 'starting' | 'ready' | 'waiting' | 'crash_loop' | 'stopped' | 'replacing' | 'not_replaced';

export interface ProcessObserver {
  log(name: string, line: string): void;
  state(name: string, state: ProcessState, details: Record<string, unknown>): void;
}

/** So many ends within the window are a crash loop: it is said loudly, and tries go on at the longest delay. */
export const CRASH_LOOP_ENDS = 5;
export const CRASH_LOOP_WINDOW_MS = 60_000;
const LONGEST_DELAY_MS = 30_000;
/** A process that served for so long starts over with short delays when it ends. */
const HEALTHY_AFTER_MS = 10_000;
/** For a successor to be ready. */
const READY_LIMIT_MS = 120_000;

export class SupervisedProcess {
  readonly #observer: ProcessObserver;
  readonly #firstReady = Promise.withResolvers<Record<string, unknown>>();
  readonly #lives = new Set<ProcessLife>();
  #definition: ProcessDefinition;
  /** The life that serves, or is to. */
  #life: ProcessLife | null = null;
  #replacement: Promise<unknown> | null = null;
  #signal: AbortSignal | null = null;
  #firstSecrets: Readonly<Record<string, unknown>> | null = null;
  /** What was seen of the end of the last life that said nothing of it. */
  #endedBefore: string | null = null;
  restarts = 0;

  constructor(definition: ProcessDefinition, observer: ProcessObserver) {
    this.#definition = definition;
    this.#observer = observer;
    this.#firstReady.promise.catch(() => undefined);
  }

  get definition(): ProcessDefinition { return this.#definition; }
  get pid(): number | null { return this.#life?.pid ?? null; }

  /** What the process said of itself when it was ready for the first time; rejects when it cannot ever be. */
  get firstReady(): Promise<Record<string, unknown>> { return this.#firstReady.promise; }
  /** What it said then that is for a person alone, and for no log. */
  get firstSecrets(): Readonly<Record<string, unknown>> { return this.#firstSecrets ?? {}; }

  /** Keeps the process running until `signal` aborts; then ends it and returns once it is gone. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    signal.addEventListener('abort', () => { for (const life of this.#lives) void life.stop(); }, { once: true });
    const newBackoff = () => new ExponentialBackoff({ initialDelay: 250, maxDelay: LONGEST_DELAY_MS }).next();
    /** Null: what has served for long and falls for the first time is started again at once. */
    let backoff: ReturnType<typeof newBackoff> | null = newBackoff();
    const endsMs: number[] = [];
    while (!signal.aborted) {
      const life = this.#life ?? this.#begin();
      const reason = await Promise.race([life.ended, life.relieved]);
      if (signal.aborted) break;
      if (life !== this.#life) continue;
      this.#life = null;
      const { failure } = life;
      this.#endedBefore = failure === null ? reason ?? null : null;
      const hopeless = failure !== null && !failure.retryable && failure.code !== 'internal';
      if (hopeless) this.#firstReady.reject(failure);
      if (hopeless && this.#definition.required) return;

      this.restarts++;
      const nowMs = performance.now();
      if (nowMs - life.startedMs > HEALTHY_AFTER_MS) backoff = null;
      endsMs.push(nowMs);
      while (endsMs[0]! < nowMs - CRASH_LOOP_WINDOW_MS) endsMs.shift();
      const looping = hopeless || endsMs.length >= CRASH_LOOP_ENDS;
      const delayMs = looping ? LONGEST_DELAY_MS : Math.min(LONGEST_DELAY_MS, backoff?.duration ?? 0);
      this.#observer.state(this.#definition.name, looping ? 'crash_loop' : 'waiting', { reason, next_start_in_ms: Math.round(delayMs), ends_in_window: endsMs.length });
      backoff = backoff?.next(undefined) ?? newBackoff();
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
      await this.#replacement?.catch(() => undefined);
    }
    await Promise.all([...this.#lives].map((life) => life.ended));
    this.#firstReady.reject(new RuthError('shutting_down', `${this.#definition.name} was stopped before it was ready`));
    this.#observer.state(this.#definition.name, 'stopped', {});
  }

  /**
   * Starts a successor, by another definition where one is given, and ends the present process once that is ready; gives what
   * it said of itself. Where it is not ready within `readyLimitMs` the present process stays: throws why. Also throws
   * `invalid_state` where the process cannot run twice, or is being replaced already.
   */
  async replace(definition: ProcessDefinition = this.#definition, { readyLimitMs = READY_LIMIT_MS, reason }: { readyLimitMs?: number; reason?: string } = {}): Promise<Record<string, unknown>> {
    const { name } = this.#definition;
    if (!definition.replaceable) throw new RuthError('invalid_state', `${name} cannot run beside itself; stop it and start it again`);
    if (this.#replacement) throw new RuthError('invalid_state', `${name} is being replaced already`);
    if (!this.#signal || this.#signal.aborted) throw new RuthError('shutting_down', `${name} does not run`);
    const replacement = this.#replacement = this.#succeed(definition, readyLimitMs, reason);
    try {
      return await replacement;
    } finally {
      this.#replacement = null;
    }
  }

  async #succeed(definition: ProcessDefinition, readyLimitMs: number, reason: string | undefined): Promise<Record<string, unknown>> {
    const { name } = this.#definition;
    this.#observer.state(name, 'replacing', reason === undefined ? {} : { reason });
    const successor = this.#start(definition, { takeOver: true });
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new RuthError('timeout', `it was not ready within ${readyLimitMs} ms`)), readyLimitMs);
    try {
      const details = await Promise.race([successor.ready, late.promise]);
      const predecessor = this.#life;
      this.#life = successor;
      this.#definition = definition;
      void predecessor?.drain();
      this.#isReady(details);
      return details;
    } catch (cause) {
      const error = RuthError.from(cause);
      this.#observer.state(name, 'not_replaced', { reason: error.message });
      await successor.stop();
      throw new RuthError(error.code, `${name} was not replaced: ${error.message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  #begin(): ProcessLife {
    this.#observer.state(this.#definition.name, 'starting', {});
    const life = this.#life = this.#start(this.#definition, { takeOver: false });
    life.ready.then((details) => {
      this.#firstSecrets ??= life.secrets;
      this.#isReady(details);
    }, () => undefined);
    return life;
  }

  #start(definition: ProcessDefinition, { takeOver }: { takeOver: boolean }): ProcessLife {
    const life: ProcessLife = new ProcessLife(definition, {
      takeOver, endedBefore: takeOver ? null : this.#endedBefore, log: (line) => this.#observer.log(definition.name, line),
      // A failure is said by `not_replaced`; the process asks again.
      recycle: (reason) => { if (life === this.#life) this.replace(undefined, { reason }).catch(() => undefined); },
    });
    this.#lives.add(life);
    void life.ended.then(() => this.#lives.delete(life));
    return life;
  }

  #isReady(details: Record<string, unknown>): void {
    this.#firstReady.resolve(details);
    this.#observer.state(this.#definition.name, 'ready', details);
  }
}
