// What live video says of itself in numbers, for whoever wants to know why it is late or jerks: people, tests and benches.
import type { PathName } from './live-path.ts';

export interface LiveNumbers {
  readonly path: PathName;
  /** How far what is shown is behind the newest picture that came, seconds. */
  readonly delayS: number | null;
  /** How far it shall be. */
  readonly targetS: number | null;
  /** How much later than the earliest pictures the latest of the last 15 seconds came, the worst second left out, seconds. */
  readonly jitterS: number | null;
  /** At what speed it plays; 1 where the delay is right. */
  readonly rate: number;
  /** Pictures a second, of the last seconds; null where they are not known yet. */
  readonly shownFps: number | null;
  /** Pictures that were decoded and not shown, as they were too late. */
  readonly dropped: number;
  /** Times that playback halted as no picture was there. */
  readonly halts: number;
  /** Bits a second, of the last seconds. */
  readonly bitsPerS: number | null;
}

/** How fast a total grows, per second, over the last seconds. */
export class Growth {
  readonly #overMs: number;
  /** Oldest first: as many as are noted within `overMs`. */
  #notes: { readonly atMs: number; readonly total: number }[] = [];

  constructor(overMs = 3000) { this.#overMs = overMs; }

  /** Null where it was noted for less than a second. */
  note(atMs: number, total: number): number | null {
    if (this.#notes.length > 0 && total < this.#notes.at(-1)!.total) this.#notes = [];
    this.#notes.push({ atMs, total });
    while (this.#notes.length > 2 && atMs - this.#notes[0]!.atMs > this.#overMs) this.#notes.shift();
    const spanMs = atMs - this.#notes[0]!.atMs;
    return spanMs < 1000 ? null : (total - this.#notes[0]!.total) / spanMs * 1000;
  }
}
