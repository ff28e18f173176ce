// How long to wait before the next try: doubling, up to a limit, each with jitter so that many cameras do not come at once.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly mostMs: number;
  /** 0 to 1; `Math.random` unless told. */
  readonly random?: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #tries = 0;

  constructor(options: BackoffOptions) { this.#options = options; }

  /** Between half of the present step and all of it. */
  nextMs(): number {
    const { firstMs, mostMs, random = Math.random } = this.#options;
    const stepMs = Math.min(mostMs, firstMs * 2 ** Math.min(this.#tries++, 30));
    return stepMs * (0.5 + random() / 2);
  }

  /** What failed was healthy for a while. */
  reset(): void { this.#tries = 0; }
}
