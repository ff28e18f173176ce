// What becomes of a subscription's frames: counted, each due one once, timed by stage, and traced where traces are asked for.
import type { DropCause, InferMetadata, SubscriptionStatus } from '@ruth/protocol';
import type { CameraFrame } from '../camera-frame.ts';
import type { Clock } from '../clock.ts';
import { LatencyBudget } from './latency-budget.ts';
import type { LookError } from './look.ts';
import { LookCounters, type LookCounts } from './look-counters.ts';
import type { ModelAccess } from './model-access.ts';

export interface LookAccountOptions {
  readonly clock: Clock;
  readonly access: ModelAccess;
  readonly desiredFps: number;
  /** Whose looks it follows. */
  readonly sourceModelId: string | null;
}

export class LookAccount {
  readonly #clock: Clock;
  readonly #counters: LookCounters;
  readonly #trace;
  /** Of the look at hand: to be told what becomes of its answer. */
  readonly budget: LatencyBudget;

  constructor({ clock, access, desiredFps, sourceModelId }: LookAccountOptions) {
    this.#clock = clock;
    this.#counters = new LookCounters(clock, desiredFps);
    this.#trace = access.traceOf(sourceModelId);
    this.budget = new LatencyBudget(clock, access.histograms, this.#trace);
  }

  /** The gate did not let a frame through. */
  notDue(): void { this.#counters.notDue(); }

  answered(frame: CameraFrame, metadata: Partial<InferMetadata>): void {
    this.#counters.answered(this.#clock.utcMs() - frame.capturedAtUs / 1000);
    this.budget.answered(metadata);
  }

  /** The model answered that it could not. */
  failed(frame: CameraFrame, { code, message }: LookError): void {
    this.#counters.failed(code, message);
    this.#trace?.failed(frame, code, message);
  }

  dropped(frame: CameraFrame, cause: DropCause, error: LookError | null = null): void {
    this.#counters.dropped(cause, error);
    this.#trace?.dropped(frame, cause, error?.message ?? null);
  }

  status(): LookCounts & Pick<SubscriptionStatus, 'stages_ms'> { return { ...this.#counters.status(), stages_ms: this.budget.status() }; }
}
