// How far playback lags behind the present so that pictures are there when they are due: as far as the latest of the last
// seconds came, and a margin for what the browser needs. A margin that was not enough grows, and comes back when all is calm.
import { Arrivals } from './arrivals.ts';

/** From a picture's coming to its being on the screen: appending, decoding, the browser's own queue. */
const LEAST_MARGIN_S = 0.06;
const MOST_MARGIN_S = 1;
const MARGIN_STEP_S = 0.04;
/** Dry again so soon after the last time, it is still the same. */
const SAME_TIME_MS = 500;
/** Where nothing ran dry for so long, less may do. */
const CALM_MS = 20_000;
const MOST_BEHIND_S = 2.5;

export class PlayoutLag {
  readonly arrivals = new Arrivals();
  #marginS = LEAST_MARGIN_S;
  #changedAtMs = -Infinity;

  /** How far it shall be behind the newest picture at least, seconds, whatever pictures do. */
  atLeastS = 0;

  /** Times that playback ran dry. */
  dry = 0;

  get marginS(): number { return this.#marginS; }

  /** How much later than the earliest the latest came, the worst second left out, seconds; null before the first. */
  get jitterS(): number | null {
    const { earliestS, latestS } = this.arrivals;
    return earliestS === null || latestS === null ? null : latestS - earliestS;
  }

  /** How far behind the newest picture, where it comes as early as can be, playback shall be, seconds; null before the first. */
  get behindS(): number | null {
    const { jitterS } = this;
    return jitterS === null ? null : Math.min(MOST_BEHIND_S, Math.max(this.atLeastS, jitterS + this.#marginS));
  }

  ranDry(nowMs: number): void {
    this.dry++;
    if (nowMs - this.#changedAtMs < SAME_TIME_MS) return;
    this.#changedAtMs = nowMs;
    this.#marginS = Math.min(MOST_MARGIN_S, this.#marginS + MARGIN_STEP_S);
  }

  /** To be called now and then: what has been calm for long comes nearer. */
  relax(nowMs: number): void {
    if (this.#marginS <= LEAST_MARGIN_S || nowMs - this.#changedAtMs < CALM_MS) return;
    this.#changedAtMs = nowMs;
    this.#marginS = Math.max(LEAST_MARGIN_S, this.#marginS - MARGIN_STEP_S);
  }

  /** Another stream: when its pictures come is not known yet. */
  begin(): void { this.arrivals.forget(); }
}
