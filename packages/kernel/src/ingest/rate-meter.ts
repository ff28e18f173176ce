// Measures a rate from time stamps that may come out of order (B-frames). Constant memory.

export class RateMeter {
  readonly #times: number[] = [];
  readonly #window: number;
  #next = 0;

  /** Over the last `window` time stamps. */
  constructor(window: number) { this.#window = window; }

  /** Time stamp in microseconds, of any clock that does not jump. */
  add(timeUs: number): void {
    this.#times[this.#next] = timeUs;
    this.#next = (this.#next + 1) % this.#window;
  }

  /** Null until two time stamps were seen. */
  get perSecond(): number | null {
    const spanUs = this.#times.length < 2 ? 0 : Math.max(...this.#times) - Math.min(...this.#times);
    return spanUs > 0 ? (this.#times.length - 1) * 1e6 / spanUs : null;
  }

  /** By the longest time between two neighbours: a rate that was kept throughout. Null until the window is full. */
  get leastPerSecond(): number | null {
    if (this.#times.length < this.#window) return null;
    const ascending = this.#times.toSorted((a, b) => a - b);
    const longestUs = ascending.reduce((longest, timeUs, index) => Math.max(longest, index === 0 ? 0 : timeUs - ascending[index - 1]!), 0);
    return longestUs > 0 ? 1e6 / longestUs : null;
  }

  clear(): void {
    this.#times.length = 0;
    this.#next = 0;
  }
}
