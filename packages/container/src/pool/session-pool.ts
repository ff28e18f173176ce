// Sessions side by side behind one short queue, which takes a burst and lets none stand. A request that finds it full, or waits past
// its deadline, is told so at once; a session that dies, hangs or fails its canary is replaced.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol/base';
import { failedJob, type InferJob, type InferResult, type WorkerSetup } from '../session/protocol.ts';
import { Batching } from './batching.ts';
import { QueueLimit } from './queue-limit.ts';
import { SessionWorker } from './session-worker.ts';

export interface PoolOptions {
  readonly sessions: number;
  /** Requests that may wait; one more is answered `overloaded`. Fewer where the queue stands: see `QueueLimit`. */
  readonly queueLimit: number;
  /** How long a request may wait for others, to be looked at in one inference of `WorkerSetup.maxBatch` frames at most; 0 unless told. */
  readonly batchDelayMs?: number;
  /** For one inference; past it the session counts as hung. 20 times what its first one took, 4 s at least, unless told. */
  readonly inferenceLimitMs?: number;
  /** For loading the model and its first inference. */
  readonly startLimitMs: number;
  /** Told of each session that died, and of each that could not be replaced. */
  onTrouble?(error: RuthError): void;
  /** A session that was given up hangs on: its thread keeps a core until the process ends. */
  onStuck?(): void;
}

export interface RunOptions {
  /** From now; a request still waiting then is answered `deadline_exceeded`. */
  readonly deadlineMs?: number;
  /** The caller is gone: a request still waiting is dropped. */
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly job: InferJob | 'canary';
  readonly source: string;
  readonly queuedAt: number;
  readonly deadlineAt: number;
  readonly answer: PromiseWithResolvers<PoolResult>;
  /** Aborts when the client is gone or its deadline has passed. */
  readonly unneeded: AbortSignal | undefined;
  /** Ends what guards the wait. */
  release(): void;
}

export type PoolResult = InferResult & { readonly queueMs: number; readonly batchSize: number };

const RESTART_DELAY_MS = { first: 100, most: 30_000 } as const;
/** A hang is seen within five seconds, but a machine that is busy with others is not taken for one. */
const HANG = { leastMs: 4000, timesFirst: 20 } as const;
/** A thread that was given up may still come to its end by itself. */
const STUCK_AFTER_MS = 2000;

export class SessionPool {
  readonly #setup: WorkerSetup;
  readonly #options: PoolOptions;
  /** Every thread that has not ended, those that were given up too. */
  readonly #workers = new Set<SessionWorker>();
  readonly #idle: SessionWorker[] = [];
  readonly #queue = new Set<Waiting>();
  /** Goes before the queue. */
  #canary: Waiting | null = null;
  readonly #queueLimit: QueueLimit;
  readonly #batching: Batching;
  #batchTimer: NodeJS.Timeout | undefined;
  /** What the last inference took. */
  #expectedMs = 0;
  readonly #stopped = new AbortController();
  #device = '';
  #deviceReason = '';
  #replaced = 0;
  #inferenceLimitMs: number;

  private constructor(setup: WorkerSetup, options: PoolOptions) {
    this.#setup = setup;
    this.#options = options;
    this.#inferenceLimitMs = options.inferenceLimitMs ?? HANG.leastMs;
    this.#queueLimit = new QueueLimit({ sessions: options.sessions, batch: setup.maxBatch ?? 1, burst: options.queueLimit });
    this.#batching = new Batching({ most: setup.maxBatch ?? 1, delayMs: options.batchDelayMs ?? 0 });
  }

  /** Starts all sessions; throws what the first that fails throws. */
  static async start(setup: WorkerSetup, options: PoolOptions): Promise<SessionPool> {
    const pool = new SessionPool(setup, options);
    const started = await Promise.allSettled(Array.from({ length: options.sessions }, () => pool.#startWorker()));
    const failed = started.find((result) => result.status === 'rejected');
    if (!failed) return pool;
    await pool.close({ graceMs: options.startLimitMs });
    throw failed.reason;
  }

  get device(): string { return this.#device; }

  /** Why it is that one. */
  get deviceReason(): string { return this.#deviceReason; }
  get queued(): number { return this.#queue.size; }
  /** Threads at work: loading, inferring, or hanging. */
  get running(): number { return this.#workers.size - this.#idle.length; }
  /** Sessions that were replaced because they crashed or hung. */
  get replaced(): number { return this.#replaced; }

  /**
   * Runs a canary on the session that has rested longest, ahead of all that waits. A session that fails it is replaced. Throws
   * `shutting_down`, and what the session throws.
   */
  canary(): Promise<PoolResult> {
    if (this.#stopped.signal.aborted) return Promise.reject(shuttingDown());
    const canary = this.#canary ??= { job: 'canary', source: '', queuedAt: performance.now(), deadlineAt: Infinity, answer: Promise.withResolvers(), unneeded: undefined, release: () => undefined };
    this.#next();
    return canary.answer.promise;
  }

  /** Throws `overloaded`, `deadline_exceeded`, `shutting_down`, `cancelled`, and what the session throws. */
  run(job: InferJob, { deadlineMs, signal }: RunOptions = {}): Promise<PoolResult> {
    if (this.#stopped.signal.aborted) return Promise.reject(shuttingDown());
    if (signal?.aborted) return Promise.reject(new RuthError('cancelled', 'the client is gone'));
    const limit = this.#queueLimit.next(this.#idle.length > 0);
    if (this.#idle.length === 0 && this.#queue.size >= limit) {
      return Promise.reject(new RuthError('overloaded', `${this.#queue.size} requests are waiting for ${this.#options.sessions} sessions; ${limit} may`));
    }
    const answer = Promise.withResolvers<PoolResult>();
    const unneeded = this.#unneeded(deadlineMs, signal);
    const leave = (error: RuthError): void => {
      this.#queue.delete(waiting);
      waiting.release();
      answer.reject(error);
    };
    // Without a deadline of its own a request waits no longer than one inference may take.
    const timer = deadlineMs === undefined
      ? setTimeout(() => leave(new RuthError('overloaded', `no session was free for ${this.#inferenceLimitMs} ms`)), this.#inferenceLimitMs)
      : setTimeout(() => leave(new RuthError('deadline_exceeded', `the deadline of ${deadlineMs} ms passed before a session was free`)), deadlineMs);
    const cancel = (): void => leave(new RuthError('cancelled', 'the client is gone'));
    signal?.addEventListener('abort', cancel, { once: true });
    const waiting: Waiting = {
      job, answer, source: job.frameReference, queuedAt: performance.now(), deadlineAt: performance.now() + (deadlineMs ?? Infinity), unneeded,
      release() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
      },
    };
    this.#queue.add(waiting);
    this.#next();
    return answer.promise;
  }

  /**
   * What waits is answered `shutting_down`; what runs may finish within `graceMs`. False where a thread hangs on: then
   * only the end of the process ends it, and that by SIGKILL, as it would abort otherwise.
   */
  async close({ graceMs }: { graceMs: number }): Promise<boolean> {
    this.#stopped.abort();
    clearTimeout(this.#batchTimer);
    for (const waiting of this.#waiting()) {
      waiting.release();
      waiting.answer.reject(shuttingDown());
    }
    this.#queue.clear();
    for (const worker of this.#workers) worker.end();
    const grace = new AbortController();
    const ended = Promise.all([...this.#workers].map((worker) => worker.ended)).then(() => true);
    const late = delay(graceMs, false, { signal: grace.signal }).catch(() => false);
    try {
      return await Promise.race([ended, late]);
    } finally {
      grace.abort();
    }
  }

  #waiting(): Waiting[] { return this.#canary ? [this.#canary, ...this.#queue] : [...this.#queue]; }

  #next(): void {
    clearTimeout(this.#batchTimer);
    while (this.#idle.length > 0) {
      const canary = this.#canary;
      const next = canary ? { batch: [canary] } : this.#batching.next(this.#queue, performance.now(), this.#expectedMs);
      if ('waitMs' in next) {
        this.#batchTimer = setTimeout(() => this.#next(), next.waitMs);
        return;
      }
      if (next.batch.length === 0) return;
      // The session used last has its memory in the caches; a canary looks at the one that nobody has used for long.
      const worker = canary ? this.#idle.shift()! : this.#idle.pop()!;
      if (canary) this.#canary = null;
      for (const waiting of next.batch) {
        this.#queue.delete(waiting);
        waiting.release();
      }
      void this.#serve(worker, next.batch);
    }
  }

  /** ONNX Runtime cannot be interrupted; a model of one's own may listen. */
  #unneeded(deadlineMs: number | undefined, signal: AbortSignal | undefined): AbortSignal | undefined {
    if (this.#setup.model.manifest.model_type !== 'custom') return undefined;
    return AbortSignal.any([...(signal ? [signal] : []), ...(deadlineMs === undefined ? [] : [AbortSignal.timeout(Math.max(0, Math.ceil(deadlineMs)))])]);
  }

  async #serve(worker: SessionWorker, batch: readonly Waiting[]): Promise<void> {
    const begun = performance.now();
    const [{ job, unneeded }] = batch as [Waiting];
    try {
      const results = await worker.run(job === 'canary' ? job : batch.map((waiting) => waiting.job as InferJob), this.#inferenceLimitMs * batch.length, unneeded);
      const batchSize = results.filter((result) => !failedJob(result)).length;
      for (const [index, { answer, queuedAt }] of batch.entries()) {
        const result = results[index]!;
        if (failedJob(result)) answer.reject(new RuthError(result.code, result.message));
        else answer.resolve({ ...result, queueMs: begun - queuedAt, batchSize });
      }
      this.#expectedMs = performance.now() - begun;
    } catch (cause) {
      // A model that listened and gave up has not failed.
      const error = unneeded?.aborted ? new RuthError('deadline_exceeded', 'the deadline passed while the model looked', { cause }) : RuthError.from(cause, 'inference_failed');
      // Where a server elsewhere is away, another session would not find it either.
      if (job === 'canary' && error.code === 'inference_failed' && worker.usable) worker.giveUp(error);
      for (const { answer } of batch) answer.reject(error);
    }
    if (this.#stopped.signal.aborted) return;
    if (worker.usable) {
      this.#idle.push(worker);
      this.#next();
      return;
    }
    this.#replaced++;
    this.#options.onTrouble?.(new RuthError('inference_failed', 'a session crashed, hung, or failed its canary; another takes its place'));
    void this.#watchEnd(worker);
    await this.#replace();
  }

  async #watchEnd(worker: SessionWorker): Promise<void> {
    const { signal } = this.#stopped;
    const stuck = await Promise.race([worker.ended.then(() => false), delay(STUCK_AFTER_MS, true, { signal, ref: false }).catch(() => false)]);
    if (stuck) this.#options.onStuck?.();
  }

  async #replace(): Promise<void> {
    const { signal } = this.#stopped;
    for (let delayMs: number = RESTART_DELAY_MS.first; !signal.aborted; delayMs = Math.min(delayMs * 2, RESTART_DELAY_MS.most)) {
      try {
        await this.#startWorker();
        this.#next();
        return;
      } catch (cause) {
        this.#options.onTrouble?.(RuthError.from(cause));
        await delay(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #startWorker(): Promise<void> {
    const worker = new SessionWorker(this.#setup);
    this.#workers.add(worker);
    void worker.ended.then(() => this.#forget(worker));
    try {
      const { device, deviceReason, canaryMs } = await worker.started(this.#options.startLimitMs);
      this.#device = device;
      this.#deviceReason = deviceReason;
      this.#inferenceLimitMs = this.#options.inferenceLimitMs ?? Math.max(this.#inferenceLimitMs, HANG.timesFirst * canaryMs);
    } catch (cause) {
      worker.end();
      throw cause;
    }
    if (this.#stopped.signal.aborted) return;
    this.#idle.push(worker);
  }

  #forget(worker: SessionWorker): void {
    this.#workers.delete(worker);
    const place = this.#idle.indexOf(worker);
    if (place < 0) return;
    this.#idle.splice(place, 1);
    // A thread that ends unasked while it has nothing to do.
    if (!this.#stopped.signal.aborted) void this.#replace();
  }
}

function shuttingDown(): RuthError {
  return new RuthError('shutting_down', 'the container is stopping');
}
