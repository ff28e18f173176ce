// Bits per second of something that only counts bytes: it is looked at now and then, and costs nothing in between.

const SAMPLES = 6;

export class ByteRate {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  /** `bytes` counted so far; `nowMs` is monotonic. */
  sample(bytes: number, nowMs: number = performance.now()): void {
    this.#samples.push({ atMs: nowMs, bytes });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** Over the last samples; null until there are two. */
  get bitsPerSecond(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    return first && last && last.atMs > first.atMs ? (last.bytes - first.bytes) * 8000 / (last.atMs - first.atMs) : null;
  }

  clear(): void { this.#samples.length = 0; }
}
