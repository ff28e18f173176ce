// When a picture was, by the node's clock: the one rule by which recordings are dated (docs/design/recording.md).
//
// The media's own time runs on; how far it lies from the node's clock is told by the picture that came with the least delay
// of the last second or two, for a picture may come late but never early. The date is drawn towards that by a fifth of the
// difference in each second, and never runs slower than half as fast as the media, nor backwards. Media that begins may come in
// a rush, as servers send what they held: its first dates stand still until `settle` has seen how it comes.
import { TICKS_PER_SECOND } from '../../media/media-packet.ts';

const WINDOW_US = 1e6;
const FOLLOW_US = 5e6;
const MOST_PULL = 0.5;
/** Behind by more, it is not followed but set, and leaves a hole. */
export const MAX_BEHIND_US = 3e6;

const ticksUs = (ticks: number): number => ticks * 1e6 / TICKS_PER_SECOND;

export class WallClock {
  #ticks = 0;
  #us: number;
  #arrivedAtUs = 0;
  /** Least (arrival - media time) of the window that runs, and of the one before. */
  #leastUs = Infinity;
  #leastBeforeUs = Infinity;
  #windowUs = 0;
  /** Where the media began, and where it may not begin before; null once it is settled. */
  #beginning: { readonly us: number; readonly floorUs: number } | null = null;

  /** Nothing is dated before `notBeforeUs`. */
  constructor(notBeforeUs: number) { this.#us = notBeforeUs; }

  /** The media begins, or begins anew: nothing is known of how its time lies. Returns the date of `ticks`. */
  start(ticks: number, arrivedAtUs: number): number {
    const floorUs = this.#us;
    this.#us = Math.max(floorUs, arrivedAtUs);
    this.#beginning = { us: this.#us, floorUs };
    this.#ticks = ticks;
    this.#arrivedAtUs = arrivedAtUs;
    this.#leastUs = arrivedAtUs - ticksUs(ticks);
    this.#leastBeforeUs = Infinity;
    this.#windowUs = 0;
    return Math.round(this.#us);
  }

  /** `ticks` grows from call to call. Returns its date, us UTC, which grows too. */
  advance(ticks: number, arrivedAtUs: number): number {
    const stepUs = ticksUs(ticks - this.#ticks);
    this.#look(ticks, stepUs, arrivedAtUs);
    const pullUs = this.#beginning ? 0 : (this.#targetUs - (this.#us - ticksUs(this.#ticks))) * Math.min(1, stepUs / FOLLOW_US);
    this.#us += stepUs + Math.max(-stepUs * MOST_PULL, Math.min(stepUs * MOST_PULL, pullUs));
    this.#ticks = ticks;
    return Math.round(this.#us);
  }

  /** Lets go of the first dates. Returns by how much all since `start` were wrong, us: 0, or less where the media began in a rush. */
  settle(): number {
    if (this.#beginning === null) return 0;
    const { us, floorUs } = this.#beginning;
    this.#beginning = null;
    const shiftUs = Math.round(Math.max(Math.min(0, this.behindUs), floorUs - us));
    this.#us += shiftUs;
    return shiftUs;
  }

  /** By how much the date lies before where it should; negative where after. */
  get behindUs(): number { return this.#targetUs - (this.#us - ticksUs(this.#ticks)); }

  /** Leaves out what it is behind. Returns the date of the newest ticks. */
  catchUp(): number {
    this.#us += Math.max(0, this.behindUs);
    return Math.round(this.#us);
  }

  /** Date of what comes `ticks` after the newest, as far as is known. */
  at(ticks: number): number { return Math.round(this.#us + ticksUs(ticks - this.#ticks)); }

  /** Lets no later date lie before this. */
  holdOff(untilUs: number): void { this.#us = Math.max(this.#us, untilUs); }

  get #targetUs(): number { return Math.min(this.#leastUs, this.#leastBeforeUs); }

  #look(ticks: number, stepUs: number, arrivedAtUs: number): void {
    // Only where both clocks say that time passed: neither a pause of the network nor the rush after it counts.
    this.#windowUs += Math.max(0, Math.min(stepUs, arrivedAtUs - this.#arrivedAtUs));
    this.#arrivedAtUs = arrivedAtUs;
    if (this.#windowUs >= WINDOW_US) {
      this.#leastBeforeUs = this.#leastUs;
      this.#leastUs = Infinity;
      this.#windowUs = 0;
    }
    this.#leastUs = Math.min(this.#leastUs, arrivedAtUs - ticksUs(ticks));
  }
}
