// What became of a subscription's frames. Each due one is counted once, when its fate is known, so that at every moment
// due = sent + the sum of drops and sent = answered + failed. The last seconds are counted apart, to tell why the rate is below the desired one.
import { DROP_CAUSES, type DropCause, type LastError, type Shortfall, type SubscriptionStatus } from '@ruth/protocol';
import type { Clock } from '../clock.ts';

const RATE_WINDOW_MS = 5000;
const SLOTS = 10;
const LATENCIES_KEPT = 128;
/** Of the desired rate: below it a subscription counts as lowered. */
const NEARLY = 0.9;

/** What is counted of the last seconds: looks that keep the rate, failures, then drops by cause. */
const LOOKED = 0;
const FAILED = 1;
const DROPPED = 2;
const KINDS = DROPPED + DROP_CAUSES.length;
const INDEX = Object.fromEntries(DROP_CAUSES.map((cause, index) => [cause, index])) as Record<DropCause, number>;
/** An answer in its own right: there was nothing to look at. */
const KEEPS_THE_RATE: ReadonlySet<DropCause> = new Set(['no_regions', 'no_motion']);

const MESSAGES: Record<Shortfall['cause'], string> = {
  busy: 'the model takes longer for one look than the time between two frames that are due',
  overloaded: 'the model cannot serve all who want it; priority says who is cut last',
  overwritten: 'frames were overwritten before the model took them; raise frames.slots of the camera, or relieve the model',
  no_container: 'the container of the model does not answer', circuit_open: 'the model failed many times in a row and is only tried now and then',
  deadline: 'answers come too late', error: 'the model answers nonsense', failed: 'the model fails', stopped: 'it was stopped',
  no_motion: 'nothing moved', no_regions: 'there was nothing to look at', too_few_frames: 'there are not so many frames: the camera sends fewer, or the model that it follows looks less often',
};

export type LookCounts = Pick<SubscriptionStatus, 'achieved_fps' | 'due' | 'not_due' | 'sent' | 'answered' | 'failed' | 'drops' | 'latency_ms' | 'last_error'> & { readonly shortfall: Shortfall | null };

export class LookCounters {
  readonly #clock: Clock;
  readonly #desiredFps: number;
  readonly #slotMs: number;
  readonly #startedMs: number;
  #notDue = 0;
  #answered = 0;
  #failed = 0;
  readonly #drops = new Float64Array(DROP_CAUSES.length);
  #lastError: LastError | null = null;
  /** One more than is told of: the slot that is being filled. */
  readonly #recent = new Uint32Array((SLOTS + 1) * KINDS);
  #slot = 0;
  readonly #latenciesMs = new Float32Array(LATENCIES_KEPT);
  #latencies = 0;

  /** `desiredFps`: a slow subscription is measured over a longer window. */
  constructor(clock: Clock, desiredFps: number) {
    this.#clock = clock;
    this.#desiredFps = desiredFps;
    this.#slotMs = Math.max(RATE_WINDOW_MS, 5000 / desiredFps) / SLOTS;
    this.#startedMs = clock.monotonicMs();
  }

  /** The gate did not let the frame through. */
  notDue(): void {
    this.#notDue++;
  }

  /** The model answered what it saw. */
  answered(latencyMs: number): void {
    this.#answered++;
    this.#latenciesMs[this.#latencies++ % LATENCIES_KEPT] = latencyMs;
    this.#count(LOOKED);
  }

  /** The model answered that it could not. */
  failed(code: string, message: string): void {
    this.#failed++;
    this.#count(FAILED);
    this.#note(code, message);
  }

  dropped(cause: DropCause, error: { code: string; message: string } | null = null): void {
    const index = INDEX[cause];
    this.#drops[index]!++;
    this.#count(DROPPED + index);
    if (KEEPS_THE_RATE.has(cause)) this.#count(LOOKED);
    if (error) this.#note(error.code, error.message);
  }

  status(): LookCounts {
    const sent = this.#answered + this.#failed;
    const drops = Object.fromEntries(DROP_CAUSES.map((cause, index) => [cause, this.#drops[index]!])) as Record<DropCause, number>;
    const recent = this.#recentPerSecond();
    const sorted = this.#latenciesMs.slice(0, Math.min(this.#latencies, LATENCIES_KEPT)).sort();
    const quantile = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
    return {
      achieved_fps: recent[LOOKED]!, due: sent + this.#drops.reduce((sum, count) => sum + count, 0), not_due: this.#notDue, sent, answered: this.#answered, failed: this.#failed, drops,
      latency_ms: sorted.length === 0 ? null : { p50: quantile(0.5), p95: quantile(0.95) },
      last_error: this.#lastError, shortfall: this.#shortfall(recent),
    };
  }

  /** What cost most looks, of those that are missing; null while there are nearly as many as desired, and before that can be told. */
  #shortfall(recent: readonly number[]): Shortfall | null {
    const missing = this.#desiredFps - recent[LOOKED]!;
    if (missing <= (1 - NEARLY) * this.#desiredFps || this.#clock.monotonicMs() - this.#startedMs < (SLOTS + 1) * this.#slotMs) return null;
    const costs = DROP_CAUSES.filter((cause) => !KEEPS_THE_RATE.has(cause)).map((cause) => ({ cause: cause, fps: recent[DROPPED + INDEX[cause]]! }));
    const worst = [...costs, { cause: 'failed' as Shortfall['cause'], fps: recent[FAILED]! }].sort((a, b) => b.fps - a.fps)[0]!;
    const due = costs.reduce((sum, { fps }) => sum + fps, recent[LOOKED]! + recent[FAILED]!);
    const { cause, fps } = worst.fps >= this.#desiredFps - due ? worst : { cause: 'too_few_frames' as Shortfall['cause'], fps: this.#desiredFps - due };
    return { cause, fps, message: MESSAGES[cause] };
  }

  /** By kind, over the whole slots of the last seconds. */
  #recentPerSecond(): number[] {
    this.#turn();
    const sums = new Array<number>(KINDS).fill(0);
    for (let age = 1; age <= SLOTS; age++) {
      const base = ((this.#slot + SLOTS + 1 - age) % (SLOTS + 1)) * KINDS;
      for (let kind = 0; kind < KINDS; kind++) sums[kind]! += this.#recent[base + kind]!;
    }
    return sums.map((sum) => sum * 1000 / (SLOTS * this.#slotMs));
  }

  #count(kind: number): void {
    this.#turn();
    this.#recent[(this.#slot % (SLOTS + 1)) * KINDS + kind]!++;
  }

  /** Empties the slots that time has passed into. */
  #turn(): void {
    const slot = Math.floor((this.#clock.monotonicMs() - this.#startedMs) / this.#slotMs);
    for (let passed = Math.max(this.#slot + 1, slot - SLOTS); passed <= slot; passed++) {
      const base = (passed % (SLOTS + 1)) * KINDS;
      this.#recent.fill(0, base, base + KINDS);
    }
    this.#slot = slot;
  }

  #note(code: string, message: string): void {
    this.#lastError = { code, message, at: this.#clock.utcMs() / 1000 };
  }
}
