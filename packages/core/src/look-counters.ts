// What became of a subscription's due frames. Each is counted once, when its fate is known, so that at every moment
// due = sent + the sum of drops and sent = answered + failed.
import { DROP_CAUSES, type DropCause, type LastError, type SubscriptionStatus } from '@ruth/protocol';
import type { Clock } from './clock.ts';

const RATE_WINDOW_MS = 5000;
const LATENCIES_KEPT = 128;

export class LookCounters {
  #answered = 0;
  #failed = 0;
  #drops = new Map<DropCause, number>();
  #lastError: LastError | null = null;
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** When looks of the window ended; at most fps x window of them. */
  #ends: number[] = [];
  readonly #latenciesMs: number[] = [];
  #latencies = 0;

  /** `desiredFps`: a slow subscription is measured over a longer window. */
  constructor(clock: Clock, desiredFps: number) {
    this.#clock = clock;
    this.#windowMs = Math.max(RATE_WINDOW_MS, 5000 / desiredFps);
  }

  /** The model answered what it saw. */
  answered(latencyMs: number): void {
    this.#answered++;
    this.#latenciesMs[this.#latencies++ % LATENCIES_KEPT] = latencyMs;
    this.#ended();
  }

  /** The model answered that it could not. */
  failed(code: string, message: string): void {
    this.#failed++;
    this.#note(code, message);
  }

  dropped(cause: DropCause, error: { code: string; message: string } | null = null): void {
    this.#drops.set(cause, (this.#drops.get(cause) ?? 0) + 1);
    // Nothing to look at is an answer in its own right: it keeps the rate.
    if (cause === 'no_regions') this.#ended();
    if (error) this.#note(error.code, error.message);
  }

  status(): Pick<SubscriptionStatus, 'achieved_fps' | 'due' | 'sent' | 'answered' | 'failed' | 'drops' | 'latency_ms' | 'last_error'> {
    const sent = this.#answered + this.#failed;
    const drops = Object.fromEntries(DROP_CAUSES.map((cause) => [cause, this.#drops.get(cause) ?? 0])) as Record<DropCause, number>;
    const due = sent + Object.values(drops).reduce((sum, count) => sum + count, 0);
    this.#forgetOld();
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const quantile = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
    return {
      achieved_fps: this.#ends.length * 1000 / this.#windowMs,
      due, sent, answered: this.#answered, failed: this.#failed, drops,
      latency_ms: sorted.length === 0 ? null : { p50: quantile(0.5), p95: quantile(0.95) },
      last_error: this.#lastError,
    };
  }

  #note(code: string, message: string): void {
    this.#lastError = { code, message, at: this.#clock.utcMs() / 1000 };
  }

  #ended(): void {
    this.#ends.push(this.#clock.monotonicMs());
    if (this.#ends.length % 64 === 0) this.#forgetOld();
  }

  #forgetOld(): void {
    const since = this.#clock.monotonicMs() - this.#windowMs;
    this.#ends = this.#ends.filter((end) => end > since);
  }
}
