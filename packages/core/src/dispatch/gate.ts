// The FPS gate: which frames of a stream are due, so that a subscription gets the rate it asked for and never more.
//
// It works on the stream's own clock (pts), which the network cannot jitter. Within one epoch n looks take more than
// n - 2 periods: a stretch of k whole periods holds at most k + 1 of them. A stream at least as fast as the rate
// yields the rate exactly; a slower one yields every frame. What a stall missed is not caught up.

/** When a frame was, as its header in the ring says. */
export interface FrameTime {
  /** Microseconds of the stream's clock; comparable within one epoch. */
  readonly ptsUs: number;
  /** Microseconds UTC. */
  readonly capturedAtUs: number;
  readonly epoch: number;
}

/** How late the first frame counts, at most a quarter of a period: rounding and jitter then do not put the frames after it before their turn. */
const FIRST_LATENESS_US = 5000;
/** In periods: a frame late by all but this much does not move the turns after it, which makes 12 of 30 fps exact. */
const LEAST_REMAINDER = 0.05;
/** In periods: later than this is a stall. */
const STALL = 2;
/** In periods: least distance of two looks. A steady stream that is fast enough never comes below one half. */
const LEAST_GAP = 0.25;

export class FpsGate {
  readonly fps: number;
  readonly #periodUs: number;
  #epoch: number | null = null;
  #newestUs = 0;
  /** Turn of the next look; every look moves it on by at least one period. */
  #turnUs = 0;
  #lastUs = -Infinity;
  #lastCapturedUs = -Infinity;

  /** `fps`: looks per second, above 0. */
  constructor(fps: number) {
    if (!(fps > 0 && Number.isFinite(fps))) throw new RangeError(`fps must be above 0, not ${fps}`);
    this.fps = fps;
    this.#periodUs = 1e6 / fps;
  }

  /** Whether the frame is due. To be asked once for each frame, in the order of publication. */
  isDue(frame: FrameTime): boolean {
    const { ptsUs, epoch } = frame;
    if (epoch !== this.#epoch || ptsUs < this.#newestUs) this.#beginClockAnew(frame);
    this.#epoch = epoch;
    this.#newestUs = ptsUs;
    if (ptsUs < this.#turnUs || ptsUs < this.#lastUs + LEAST_GAP * this.#periodUs) return false;

    const stalled = ptsUs - this.#turnUs > STALL * this.#periodUs;
    this.#turnUs = stalled ? ptsUs + this.#periodUs : Math.max(this.#turnUs + this.#periodUs, ptsUs + LEAST_REMAINDER * this.#periodUs);
    this.#lastUs = ptsUs;
    this.#lastCapturedUs = frame.capturedAtUs;
    return true;
  }

  /** Only the wall clock spans two epochs. What it leaves of the period is waited for; it may jump, so never more than that. */
  #beginClockAnew({ ptsUs, capturedAtUs }: FrameTime): void {
    const sinceLastUs = Math.max(capturedAtUs - this.#lastCapturedUs, 0);
    const restUs = Math.max(this.#periodUs - sinceLastUs, 0);
    this.#turnUs = ptsUs + restUs - Math.min(FIRST_LATENESS_US, 0.25 * this.#periodUs);
    this.#lastUs = -Infinity;
  }
}
