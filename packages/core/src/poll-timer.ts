// One timer for every camera of the node. A wake-up costs far more than a look at a ring's head, so each camera says
// when it is worth looking again, and without a camera there is no wake-up at all.
import type { Clock } from './clock.ts';

/** Polls, and returns after how many milliseconds it wants to be polled again. */
export type Poll = () => number;

/** Cameras due within it share a wake-up. */
const LEAST_WAIT_MS = 3;
/** A timer may fire so much early. */
const EARLY_MS = 1;

export class PollTimer implements Disposable {
  readonly #clock: Clock;
  /** When each is due. */
  readonly #polls = new Map<Poll, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(poll: Poll): void {
    this.#polls.set(poll, this.#clock.monotonicMs());
    this.#schedule();
  }

  delete(poll: Poll): void {
    this.#polls.delete(poll);
    this.#schedule();
  }

  /** Polls those that are due. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [poll, dueMs] of this.#polls) if (dueMs <= nowMs + EARLY_MS) this.#polls.set(poll, nowMs + poll());
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#polls.clear();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#polls.size === 0) return;
    let earliestMs = Infinity;
    for (const dueMs of this.#polls.values()) earliestMs = Math.min(earliestMs, dueMs);
    this.#timer = setTimeout(() => this.tick(), Math.max(LEAST_WAIT_MS, earliestMs - this.#clock.monotonicMs()));
  }
}
