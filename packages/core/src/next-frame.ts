// When the next frame of a stream will lie in its ring, so that it is looked for then and hardly ever in vain. Frames come at the intervals
// of their stream, each published some time after its pts; what is learned is how long after, for those that come without delay.

/** The shortest of so many intervals counts: after one that was left out the next is not looked for late. */
const INTERVALS = 4;
/** After the instant at which a frame is there without delay. */
const GRACE_MS = 2;
/** Then it is looked for again, less and less often. */
const FIRST_RETRY_MS = 3;
const RETRY_GROWTH = 1.5;
const MOST_RETRY_MS = 10;
/** However long until the next frame: the ring may be replaced meanwhile. */
const MOST_WAIT_MS = 500;
/** How fast what is known follows what comes earlier, and what comes later. */
const FOLLOWS_EARLIER = 1 / 2;
const FOLLOWS_LATER = 1 / 128;

export class NextFrame {
  readonly #intervalsMs = new Float64Array(INTERVALS);
  #frames = 0;
  #epoch: number | null = null;
  #ptsMs = 0;
  /** Between pts and publication, on core's monotonic clock. */
  #delayMs = 0;
  #dueMs = -Infinity;
  #retryMs = FIRST_RETRY_MS;

  #mostMs = 0;

  /** `fps`: frames per second that are asked for: they are looked for no less often, whatever pts say. */
  constructor(fps: number) {
    this.fps = fps;
  }

  set fps(fps: number) {
    this.#mostMs = 1000 / fps;
    this.#intervalsMs.fill(this.#mostMs);
  }

  /** A frame was found. `publishedMs`: on the monotonic clock. */
  seen({ ptsUs, epoch }: { readonly ptsUs: number; readonly epoch: number }, publishedMs: number): void {
    const ptsMs = ptsUs / 1000;
    const sinceLastMs = ptsMs - this.#ptsMs;
    const delayMs = publishedMs - ptsMs;
    if (epoch !== this.#epoch || sinceLastMs <= 0) this.#delayMs = delayMs;
    else {
      this.#intervalsMs[this.#frames++ % INTERVALS] = sinceLastMs;
      const surprise = delayMs - this.#delayMs;
      this.#delayMs += Math.abs(surprise) > sinceLastMs ? surprise : surprise * (surprise < 0 ? FOLLOWS_EARLIER : FOLLOWS_LATER);
    }
    this.#epoch = epoch;
    this.#ptsMs = ptsMs;
    // Not later than an interval after this one came, where the stream's clock runs at another speed than ours.
    this.#dueMs = Math.min(ptsMs + this.#delayMs, publishedMs) + this.#shortestMs() + GRACE_MS;
    this.#retryMs = FIRST_RETRY_MS;
  }

  /** In how many milliseconds it is worthwhile to look. To be asked after each look. */
  waitMs(nowMs: number): number {
    const restMs = this.#dueMs - nowMs;
    if (restMs > 0) return Math.min(restMs, MOST_WAIT_MS);
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(retryMs * RETRY_GROWTH, MOST_RETRY_MS);
    return retryMs;
  }

  #shortestMs(): number {
    let shortest = this.#mostMs;
    for (let index = 0; index < INTERVALS; index++) shortest = Math.min(shortest, this.#intervalsMs[index]!);
    return shortest;
  }
}
