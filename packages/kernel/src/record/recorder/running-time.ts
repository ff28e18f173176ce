// One line of media time for everything a recorder gets: decode times that only grow, whatever the camera's own clock does.
import { DecodeTimes } from '../../media/decode-times.ts';
import { TICKS_PER_SECOND, ticksToUs, type MediaPacket } from '../../media/media-packet.ts';

/** The stream's clock went ahead of the node's by more: it jumped, and no time passed. */
const JUMP_US = 2e6;
const FIRST_INTERVAL_TICKS = TICKS_PER_SECOND / 25;

export interface Placed {
  readonly decodeTicks: number;
  /** Display time less decode time, not negative. */
  readonly compositionTicks: number;
}

export class RunningTime {
  #decodeTimes = new DecodeTimes(0);
  #depth = 0;
  /** Running time less the stream's. */
  #offsetTicks = 0;
  #last: MediaPacket | null = null;
  #lastDecodeTicks = 0;
  /** Between the last two pictures. */
  #intervalTicks = FIRST_INTERVAL_TICKS;

  /** How long the newest picture is taken to last as long as the next one is not there. */
  get intervalTicks(): number { return this.#intervalTicks; }
  get endTicks(): number { return this.#lastDecodeTicks + this.#intervalTicks; }

  /** What follows is reordered by so many pictures. */
  begin(reorderDepth: number): void {
    this.#depth = reorderDepth;
    this.#decodeTimes = new DecodeTimes(reorderDepth);
  }

  place(picture: MediaPacket): Placed {
    const last = this.#last;
    this.#last = picture;
    if (last !== null && jumped(last, picture)) this.#decodeTimes = new DecodeTimes(this.#depth);
    const streamTicks = this.#decodeTimes.next(picture.ptsTicks, this.#intervalTicks);
    const bridge = last === null || jumped(last, picture) || streamTicks + this.#offsetTicks <= this.#lastDecodeTicks;
    if (bridge) this.#offsetTicks = this.endTicks - streamTicks;
    const decodeTicks = streamTicks + this.#offsetTicks;
    if (!bridge) this.#intervalTicks = Math.min(decodeTicks - this.#lastDecodeTicks, TICKS_PER_SECOND);
    this.#lastDecodeTicks = decodeTicks;
    return { decodeTicks, compositionTicks: Math.max(0, picture.ptsTicks - streamTicks) };
  }

  /** Running time of a sound; null where it belongs to another time of the stream. */
  of(ptsTicks: number, epoch: number): number | null {
    return this.#last?.epoch === epoch ? ptsTicks + this.#offsetTicks : null;
  }
}

function jumped(last: MediaPacket, picture: MediaPacket): boolean {
  return picture.epoch !== last.epoch || ticksToUs(picture.ptsTicks - last.ptsTicks) - Math.max(0, picture.capturedAtUs - last.capturedAtUs) > JUMP_US;
}
