// Decode times for packets that carry display times only, as RTP's do: growing, and never after the display time.

export class DecodeTimes {
  readonly #depth: number;
  /** Newest display times, ascending: at most `depth` + 1. */
  readonly #window: number[] = [];
  #last = -Infinity;

  /** `reorderDepth`: pictures by which decode order may run ahead of display order; 0 without B-frames. */
  constructor(reorderDepth: number) { this.#depth = reorderDepth; }

  /** `durationTicks` is only used for the first pictures. */
  next(ptsTicks: number, durationTicks: number): number {
    const missing = this.#depth - this.#window.length;
    this.#window.push(ptsTicks);
    this.#window.sort((a, b) => a - b);
    const dts = missing > 0 ? this.#window[0]! - missing * durationTicks : this.#window[0]!;
    if (missing <= 0) this.#window.shift();
    this.#last = Math.max(this.#last + 1, Math.min(dts, ptsTicks));
    return this.#last;
  }
}
