// Gives every packet a pts in ticks and an epoch. The epoch grows whenever times of before and after cannot be compared.
import { TICKS_PER_SECOND } from '../media/media-packet.ts';

/** B-frames step back by a few pictures; more than this is a clock that began anew. */
const JUMP_BACK_TICKS = TICKS_PER_SECOND;
const USUAL_DURATION_TICKS = TICKS_PER_SECOND / 25;

export class StreamClock {
  #epoch: number;
  #newestTicks: number | null = null;

  constructor(firstEpoch: number) { this.#epoch = firstEpoch; }

  get epoch(): number { return this.#epoch; }

  /** The stream begins anew: nothing that follows compares with what was. */
  restart(): void {
    this.#epoch++;
    this.#newestTicks = null;
  }

  /** The pts of the next packet; `ptsTicks` null where the stream tells none. */
  stamp(ptsTicks: number | null, durationTicks: number): number {
    const newest = this.#newestTicks;
    const stamped = ptsTicks ?? (newest === null ? 0 : newest + (durationTicks > 0 ? durationTicks : USUAL_DURATION_TICKS));
    if (newest !== null && stamped < newest - JUMP_BACK_TICKS) {
      this.restart();
      this.#newestTicks = stamped;
    } else {
      this.#newestTicks = newest === null ? stamped : Math.max(newest, stamped);
    }
    return stamped;
  }
}
