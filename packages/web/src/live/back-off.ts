// How long to wait before the next attempt: twice as long each time, with jitter, so that many pages do not return at once.

export class BackOff {
  #attempts = 0;
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;

  constructor(firstMs = 300, longestMs = 5000, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#random = random;
  }

  /** 50 to 100 % of the present step, which doubles up to the longest. */
  nextMs(): number {
    const stepMs = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#attempts++);
    return stepMs * (0.5 + this.#random() / 2);
  }

  reset(): void { this.#attempts = 0; }
}
