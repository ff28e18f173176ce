// A clock that stands still until a test moves it.
import type { Clock } from '../src/index.ts';

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Set<{ atMs: number; wake: () => void }>();

  monotonicMs(): number { return this.#nowMs; }
  utcMs(): number { return 1_700_000_000_000 + this.#nowMs; }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => resolve(undefined);
    if (signal.aborted) return Promise.resolve();
    const sleeper = { atMs: this.#nowMs + ms, wake };
    this.#sleepers.add(sleeper);
    signal.addEventListener('abort', wake, { once: true });
    return promise.finally(() => {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener('abort', wake);
    });
  }

  /** Moves the time on and wakes who slept until then. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.atMs <= this.#nowMs) sleeper.wake();
  }
}
