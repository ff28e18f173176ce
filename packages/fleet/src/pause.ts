// The pause of a loop that looks again after a while, or at once where something happened. Nothing stays behind of a pause that is over: `Promise.race` with what lasts
// as long as the process would keep 300 bytes for each.

export class Pause {
  #isOver = false;
  #end: () => void = () => undefined;

  /** `signal` ends this pause, too. */
  constructor(signal?: AbortSignal) {
    if (signal?.aborted) this.end();
    signal?.addEventListener('abort', () => this.end(), { once: true });
  }

  /** The present one; or, while there is none, the next one. */
  end(): void {
    this.#isOver = true;
    this.#end();
  }

  async lasting(ms: number): Promise<void> {
    if (!this.#isOver) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => { clearTimeout(timer); resolve(); };
      });
    }
    this.#isOver = false;
  }
}
