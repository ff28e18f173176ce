// One timer for every camera of the node: each tick polls them all, and without a camera there is no tick.
import type { Clock } from './clock.ts';

/** Adds half of this to a look's latency on average; a tick costs some 10 microseconds. */
const POLL_INTERVAL_MS = 4;

export class PollTimer implements Disposable {
  readonly #clock: Clock;
  readonly #polled = new Set<(nowMs: number) => void>();
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(poll: (nowMs: number) => void): void {
    this.#polled.add(poll);
    this.#timer ??= setInterval(() => this.tick(), POLL_INTERVAL_MS);
  }

  delete(poll: (nowMs: number) => void): void {
    this.#polled.delete(poll);
    if (this.#polled.size === 0) this[Symbol.dispose]();
  }

  /** Polls each now. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const poll of this.#polled) poll(nowMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }
}
