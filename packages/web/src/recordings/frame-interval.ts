// How far apart the frames of a video are, as playing it showed: the least of the last steps but one, for a busy browser leaves frames out, most of them for
// seconds, and one step may be odd.

/** Some ten seconds. */
const STEPS = 256;
/** Shorter is the same frame once more, longer a jump. */
const LEAST_S = 0.005;
const MOST_S = 1.1;
/** Until frames were seen. */
const USUAL_S = 1 / 25;

export class FrameInterval {
  readonly #stepsS = new Float64Array(STEPS);
  #seen = 0;

  /** A frame was shown so long of media after the one before it, at the rate 1. */
  see(stepS: number): void {
    if (stepS <= LEAST_S || stepS >= MOST_S) return;
    this.#stepsS[this.#seen++ % STEPS] = stepS;
  }

  get seconds(): number {
    if (this.#seen === 0) return USUAL_S;
    const seen = this.#stepsS.slice(0, Math.min(this.#seen, STEPS)).sort();
    return seen[Math.min(1, seen.length - 1)]!;
  }
}
