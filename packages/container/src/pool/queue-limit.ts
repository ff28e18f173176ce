// How many requests may wait. A burst may: it is over soon. A queue that stands is no burst: whoever waits in it waits for nothing but its
// length, and its answers come late. Kept short it gives as many answers a second, each of them new.
// After Nichols and Jacobson, Controlling Queue Delay, 2012.

export interface QueueLimitOptions {
  readonly sessions: number;
  /** Frames that a session looks at in one inference; 1 unless told. */
  readonly batch?: number;
  /** Of a burst. */
  readonly burst: number;
  readonly nowMs?: () => number;
}

/** So long no request has found a session free: the queue stands. */
const STANDING_MS = 500;

export class QueueLimit {
  readonly #burst: number;
  readonly #standing: number;
  readonly #flowing: number;
  readonly #nowMs: () => number;
  #foundFreeAt: number;
  /** In a row. */
  #foundFree = 0;
  #stands = false;

  constructor({ sessions, batch = 1, burst, nowMs = () => performance.now() }: QueueLimitOptions) {
    this.#burst = burst;
    this.#standing = Math.min(burst, Math.ceil(sessions / 2) * batch);
    // More than chance brings while too much is asked.
    this.#flowing = 2 * sessions + 2;
    this.#nowMs = nowMs;
    this.#foundFreeAt = nowMs();
  }

  /** For a request that comes now, and finds a session free or does not. */
  next(free: boolean): number {
    const now = this.#nowMs();
    this.#foundFree = free ? this.#foundFree + 1 : 0;
    if (free) this.#foundFreeAt = now;
    if (this.#stands ? this.#foundFree >= this.#flowing : now - this.#foundFreeAt >= STANDING_MS) this.#stands = !this.#stands;
    return this.#stands ? this.#standing : this.#burst;
  }
}
