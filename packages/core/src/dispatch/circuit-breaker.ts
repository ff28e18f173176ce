// Keeps looks from a container that fails at every one: after some failures in a row nobody asks it any more, then one look at a
// time is a trial, after pauses that grow. One answer, and all may ask again. Circuit breaker after M. Nygard, Release It! (2007).
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { Clock } from '../clock.ts';

export type CircuitState = 'closed' | 'open' | 'half_open';

const FAILURES_ALLOWED = 5;
const backOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 30_000 });

export class CircuitBreaker {
  readonly #clock: Clock;
  #state: CircuitState = 'closed';
  #failures = 0;
  #pause: IBackoff<unknown> | null = null;
  #trialAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): CircuitState { return this.#state; }

  /** Failures in a row. */
  get failures(): number { return this.#failures; }

  /** Whether a look may begin now. What is let through reports `succeeded`, `failed` or `unknown`. */
  admit(): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'half_open' || this.#clock.monotonicMs() < this.#trialAtMs) return false;
    this.#state = 'half_open';
    return true;
  }

  succeeded(): void {
    this.#state = 'closed';
    this.#failures = 0;
    this.#pause = null;
  }

  failed(): void {
    this.#failures++;
    // What was asked before it opened says nothing new.
    if (this.#state === 'open' || (this.#state === 'closed' && this.#failures < FAILURES_ALLOWED)) return;
    this.#state = 'open';
    this.#pause = this.#pause === null ? backOff.next() : this.#pause.next(undefined);
    this.#trialAtMs = this.#clock.monotonicMs() + this.#pause.duration;
  }

  /** The look ended without a word about the container: it was given up, or its frame was gone. The next one is the trial. */
  unknown(): void {
    if (this.#state === 'half_open') this.#state = 'open';
  }
}
