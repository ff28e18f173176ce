// Where the time of a look goes, from the instant the frame's packet arrived to the event: one stage after another, without a
// gap between two, so that the stages add up to the whole. Of a subscription, which makes one look at a time.
//
//   captured .. published .. due .. dispatched .. queued .. preprocessed .. inferred .. answered .. tracked .. emitted
//   '-- kernel: decode --'  '- waits -'         '-------- container, as it says -------'  rest of      '--- core ---'
//                                                                                       the answer
import { LOOK_STAGES, type InferMetadata, type LookStage, type LookStagesMs } from '@ruth/protocol';
import type { CameraFrame } from '../camera-frame.ts';
import type { Clock } from '../clock.ts';
import type { LookTrace } from './look-trace.ts';
import type { StageHistograms } from './stage-histograms.ts';

/** Looks whose times are kept. */
const KEPT = 64;
const STAGE = Object.fromEntries(LOOK_STAGES.map((stage, index) => [stage, index])) as Record<LookStage, number>;

export class LatencyBudget {
  readonly #clock: Clock;
  readonly #histograms: StageHistograms;
  readonly #trace: LookTrace | null;
  /** Of the look at hand, where it is traced. */
  #frame: CameraFrame | null = null;
  /** Of the look at hand, milliseconds by stage. */
  readonly #ms = new Float64Array(LOOK_STAGES.length);
  /** When its last stage ended, on the monotonic clock. */
  #endedMs = 0;
  /** Of the last looks: KEPT places for each stage. */
  readonly #kept = new Float32Array(LOOK_STAGES.length * KEPT);
  #looks = 0;

  constructor(clock: Clock, histograms: StageHistograms, trace: LookTrace | null = null) {
    this.#clock = clock;
    this.#histograms = histograms;
    this.#trace = trace;
  }

  /** A look at `frame` begins, which was due at `dueMs`, on the monotonic clock. What an untold time hides lies in `published`. */
  dispatched(frame: CameraFrame, dueMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const publishedMs = Math.min(Number.isNaN(frame.publishedMs) ? dueMs : frame.publishedMs, dueMs);
    const capturedMs = nowMs - (this.#clock.utcMs() - frame.capturedAtUs / 1000);
    // The wall clock may have been set meanwhile.
    this.#ms[STAGE.published] = Math.max(0, publishedMs - capturedMs);
    this.#ms[STAGE.due] = dueMs - publishedMs;
    this.#ms[STAGE.dispatched] = nowMs - dueMs;
    this.#endedMs = nowMs;
    if (this.#trace) this.#frame = this.#trace.isTraced(frame) ? frame : null;
  }

  /** The answer is judged. Of regions that were looked at side by side the times are sums. */
  answered(metadata: Partial<InferMetadata>): void {
    const { queue_ms: queueMs = 0, preprocess_ms: preprocessMs = 0, inference_time_ms: inferenceMs = 0 } = metadata;
    const nowMs = this.#clock.monotonicMs();
    this.#ms[STAGE.queued] = queueMs;
    this.#ms[STAGE.preprocessed] = preprocessMs;
    this.#ms[STAGE.inferred] = inferenceMs;
    this.#ms[STAGE.answered] = Math.max(0, nowMs - this.#endedMs - queueMs - preprocessMs - inferenceMs);
    this.#endedMs = nowMs;
  }

  tracked(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#ms[STAGE.tracked] = nowMs - this.#endedMs;
    this.#endedMs = nowMs;
  }

  /** The look is told: it counts. */
  emitted(): void {
    this.#ms[STAGE.emitted] = this.#clock.monotonicMs() - this.#endedMs;
    const place = this.#looks++ % KEPT;
    for (let stage = 0; stage < LOOK_STAGES.length; stage++) {
      const ms = this.#ms[stage]!;
      this.#kept[stage * KEPT + place] = ms;
      this.#histograms.observe(stage, ms);
    }
    if (this.#frame) this.#trace!.emitted(this.#frame, this.#ms);
    this.#frame = null;
  }

  /** Of the last looks; null before the first. */
  status(): LookStagesMs | null {
    const count = Math.min(this.#looks, KEPT);
    if (count === 0) return null;
    return Object.fromEntries(LOOK_STAGES.map((stage, index) => {
      const sorted = this.#kept.slice(index * KEPT, index * KEPT + count).sort();
      const quantile = (share: number): number => Math.round(sorted[Math.min(count - 1, Math.floor(count * share))]! * 1000) / 1000;
      return [stage, { p50: quantile(0.5), p95: quantile(0.95) }];
    })) as LookStagesMs;
  }
}
