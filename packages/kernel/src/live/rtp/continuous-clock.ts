// The times of a camera as its viewers may see them: they go on growing where the camera's own clock begins anew.

import { TICKS_PER_SECOND } from '../../media/media-packet.ts';

export class ContinuousClock {
  #epoch: number | null = null;
  #newestTicks = 0;
  #newestAtMs = 0;

  /** What is added to the times of the present epoch; constant for as long as that lasts. 0 for the first. */
  offsetTicks = 0;

  get epoch(): number | null { return this.#epoch; }

  /** Whether the packet began another epoch: `offsetTicks` is a new one then. `nowMs` is monotonic. */
  begins(epoch: number, ptsTicks: number, nowMs: number = performance.now()): boolean {
    const anew = epoch !== this.#epoch;
    if (anew && this.#epoch !== null) {
      // As much later as it came later, and never less than a tick.
      const elapsedTicks = Math.max(1, Math.round((nowMs - this.#newestAtMs) * TICKS_PER_SECOND / 1000));
      this.offsetTicks = this.#newestTicks + elapsedTicks - ptsTicks;
    }
    this.#epoch = epoch;
    const ticks = ptsTicks + this.offsetTicks;
    if (anew || ticks > this.#newestTicks) {
      this.#newestTicks = ticks;
      this.#newestAtMs = nowMs;
    }
    return anew;
  }
}
