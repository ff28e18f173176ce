// Requests that wait for a session: a burst of them, never a queue that stands. One too many, one whose deadline passes and one whose client
// goes away leave it, each told why. A canary goes before all of them.
import { RuthError } from '@ruth/protocol/base';
import type { InferJob, InferResult } from '../session/protocol.ts';
import { Batching, type Batchable } from './batching.ts';
import { QueueLimit } from './queue-limit.ts';

export interface RunOptions {
  /** From now; a request still waiting then is answered `deadline_exceeded`. */
  readonly deadlineMs?: number;
  /** Where its signal aborts a request still waiting is dropped. The signal is asked for only by what waits, or may listen: to make one is dear. */
  readonly client?: { readonly signal: AbortSignal };
}

export type PoolResult = InferResult & { readonly queueMs: number; readonly batchSize: number };

export interface QueueOptions {
  readonly sessions: number;
  /** Requests of a burst that may wait. */
  readonly burst: number;
  /** Most frames in one inference, and for how long the first of them may wait for others. */
  readonly maxBatch: number;
  readonly batchDelayMs: number;
}

export class Waiting implements Batchable {
  readonly job: InferJob | 'canary';
  readonly source: string;
  readonly queuedAt = performance.now();
  readonly deadlineAt: number;
  readonly answer = Promise.withResolvers<PoolResult>();
  readonly #options: RunOptions;
  #timer: NodeJS.Timeout | undefined;
  #listening: { readonly signal: AbortSignal; readonly gone: () => void } | null = null;

  constructor(job: InferJob | 'canary', options: RunOptions = {}) {
    this.job = job;
    this.source = job === 'canary' ? '' : job.frameReference;
    this.#options = options;
    this.deadlineAt = this.queuedAt + (options.deadlineMs ?? Infinity);
  }

  /** Aborts when the client is gone or its deadline has passed. */
  unneeded(): AbortSignal {
    const { client, deadlineMs } = this.#options;
    return AbortSignal.any([...(client ? [client.signal] : []), ...(deadlineMs === undefined ? [] : [AbortSignal.timeout(Math.max(0, Math.ceil(deadlineMs)))])]);
  }

  /** From now on `leave` is called where it has waited too long: for its deadline, or `limitMs` where it has none; and where its client is gone. */
  watch(limitMs: number, leave: (error: RuthError) => void): void {
    const { client, deadlineMs } = this.#options;
    const late = deadlineMs === undefined
      ? (): RuthError => new RuthError('overloaded', `no session was free for ${limitMs} ms`)
      : (): RuthError => new RuthError('deadline_exceeded', `the deadline of ${deadlineMs} ms passed before a session was free`);
    this.#timer = setTimeout(() => leave(late()), deadlineMs ?? limitMs);
    if (!client) return;
    this.#listening = { signal: client.signal, gone: () => leave(new RuthError('cancelled', 'the client is gone')) };
    if (client.signal.aborted) this.#listening.gone();
    else client.signal.addEventListener('abort', this.#listening.gone, { once: true });
  }

  /** Ends the watch. */
  release(): void {
    clearTimeout(this.#timer);
    this.#listening?.signal.removeEventListener('abort', this.#listening.gone);
  }
}

export class RequestQueue {
  readonly #waiting = new Set<Waiting>();
  #canary: Waiting | null = null;
  readonly #sessions: number;
  readonly #limit: QueueLimit;
  readonly #batching: Batching;

  constructor({ sessions, burst, maxBatch, batchDelayMs }: QueueOptions) {
    this.#sessions = sessions;
    this.#limit = new QueueLimit({ sessions, batch: maxBatch, burst });
    this.#batching = new Batching({ most: maxBatch, delayMs: batchDelayMs });
  }

  get size(): number { return this.#waiting.size; }

  /** `free`: whether a session is. Throws `overloaded`. */
  add(job: InferJob, options: RunOptions, free: boolean): Waiting {
    const limit = this.#limit.next(free);
    if (!free && this.size >= limit) throw RuthError.expected('overloaded', `${this.size} requests are waiting for ${this.#sessions} sessions; ${limit} may`);
    const waiting = new Waiting(job, options);
    this.#waiting.add(waiting);
    return waiting;
  }

  /** The one that waits, or a new one. */
  addCanary(): Waiting {
    return this.#canary ??= new Waiting('canary');
  }

  /** One that could not be taken at once waits `limitMs` at most. */
  watch(waiting: Waiting, limitMs: number): void {
    if (!this.#waiting.has(waiting)) return;
    waiting.watch(limitMs, (error) => {
      this.#waiting.delete(waiting);
      waiting.release();
      waiting.answer.reject(error);
    });
  }

  /** What so many free sessions do now, each a canary or a batch, none where nobody waits; or after how many milliseconds to ask again. `expectedMs`: what an inference takes. */
  take(free: number, expectedMs: number): { readonly batches: readonly (readonly Waiting[])[] } | { readonly waitMs: number } {
    const canary = this.#canary;
    this.#canary = null;
    if (canary) return { batches: [[canary]] };
    const next = this.#batching.next(this.#waiting, performance.now(), expectedMs, free);
    if ('waitMs' in next) return next;
    for (const waiting of next.batches.flat()) {
      this.#waiting.delete(waiting);
      waiting.release();
    }
    return next;
  }

  /** Answers all that wait with `error`. */
  refuse(error: RuthError): void {
    for (const waiting of [...(this.#canary ? [this.#canary] : []), ...this.#waiting]) {
      waiting.release();
      waiting.answer.reject(error);
    }
    this.#canary = null;
    this.#waiting.clear();
  }
}
