// Sessions side by side behind one short queue. A session that dies, hangs or fails its canary is replaced.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol/base';
import { failedJob, type InferJob, type WorkerSetup } from '../session/protocol.ts';
import { hangLimitMs } from './hang-limit.ts';
import { RequestQueue, type PoolResult, type RunOptions, type Waiting } from './request-queue.ts';
import { SessionWorker } from './session-worker.ts';

export interface PoolOptions {
  readonly sessions: number;
  /** Requests that may wait; one more is answered `overloaded`. Fewer where the queue stands: see `QueueLimit`. */
  readonly queueLimit: number;
  /** How long a request may wait for others, to be looked at in one inference of `WorkerSetup.maxBatch` frames at most; 0 unless told. */
  readonly batchDelayMs?: number;
  /** For one inference; past it the session counts as hung. `hangLimitMs` of what its first one took, unless told. */
  readonly inferenceLimitMs?: number;
  /** For loading the model and its first inference. */
  readonly startLimitMs: number;
  /** Told of each session that died, and of each that could not be replaced. */
  onTrouble?(error: RuthError): void;
  /** A session that was given up hangs on: its thread keeps a core until the process ends. */
  onStuck?(): void;
}

const RESTART_DELAY_MS = { first: 100, most: 30_000 } as const;
/** A thread that was given up may still come to its end by itself. */
const STUCK_AFTER_MS = 2000;

export class SessionPool {
  readonly #setup: WorkerSetup;
  readonly #options: PoolOptions;
  /** Every thread that has not ended, those that were given up too. */
  readonly #workers = new Set<SessionWorker>();
  readonly #idle: SessionWorker[] = [];
  readonly #queue: RequestQueue;
  #batchTimer: NodeJS.Timeout | undefined;
  /** What the last inference took. */
  #expectedMs = 0;
  readonly #stopped = new AbortController();
  #device = '';
  #deviceReason = '';
  #replaced = 0;
  /** The longest that a session took for its first inference. */
  #canaryMs = 0;

  private constructor(setup: WorkerSetup, options: PoolOptions) {
    this.#setup = setup;
    this.#options = options;
    this.#queue = new RequestQueue({ sessions: options.sessions, burst: options.queueLimit, maxBatch: setup.maxBatch ?? 1, batchDelayMs: options.batchDelayMs ?? 0 });
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
    const canary = this.#queue.addCanary();
    this.#next();
    return canary.answer.promise;
  }

  /** Throws `overloaded`, `deadline_exceeded`, `shutting_down`, `cancelled`, and what the session throws. */
  async run(job: InferJob, options: RunOptions = {}): Promise<PoolResult> {
    if (this.#stopped.signal.aborted) throw shuttingDown();
    const waiting = this.#queue.add(job, options, this.#idle.length > 0);
    this.#next();
    this.#queue.watch(waiting, this.#limitMs(1));
    return await waiting.answer.promise;
  }

  /**
   * What waits is answered `shutting_down`; what runs may finish within `graceMs`. False where a thread hangs on: then
   * only the end of the process ends it, and that by SIGKILL, as it would abort otherwise.
   */
  async close({ graceMs }: { graceMs: number }): Promise<boolean> {
    this.#stopped.abort();
    clearTimeout(this.#batchTimer);
    this.#queue.refuse(shuttingDown());
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

  #next(): void {
    clearTimeout(this.#batchTimer);
    while (this.#idle.length > 0) {
      const next = this.#queue.take(this.#idle.length, this.#expectedMs);
      if ('waitMs' in next) {
        this.#batchTimer = setTimeout(() => this.#next(), next.waitMs);
        return;
      }
      if (next.batches.length === 0) return;
      for (const batch of next.batches) {
        // The session used last has its memory in the caches; a canary looks at the one that nobody has used for long.
        const worker = batch[0]!.job === 'canary' ? this.#idle.shift()! : this.#idle.pop()!;
        void this.#serve(worker, batch);
      }
    }
  }

  /** For an inference of so many frames. */
  #limitMs(batch: number): number {
    return this.#options.inferenceLimitMs ?? hangLimitMs(this.#canaryMs, batch);
  }

  async #serve(worker: SessionWorker, batch: readonly Waiting[]): Promise<void> {
    const begun = performance.now();
    const [first] = batch as [Waiting];
    const { job } = first;
    // ONNX Runtime cannot be interrupted; a model of one's own may listen.
    const unneeded = job !== 'canary' && this.#setup.model.manifest.model_type === 'custom' ? first.unneeded() : undefined;
    try {
      const results = await worker.run(job === 'canary' ? job : batch.map((waiting) => this.#dated(waiting)), this.#limitMs(batch.length), unneeded);
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

  /** A server elsewhere is told how long the answer is worth waiting for. */
  #dated({ job, deadlineAt }: Waiting): InferJob {
    return this.#setup.model.manifest.model_type === 'remote' && deadlineAt !== Infinity ? { ...job as InferJob, deadlineAtMs: performance.timeOrigin + deadlineAt } : job as InferJob;
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
      this.#canaryMs = Math.max(this.#canaryMs, canaryMs);
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
