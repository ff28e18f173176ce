// How long each stage of a model's looks takes, over all cameras, as Prometheus counts it: fixed buckets, made once, nothing
// allocated when a look is counted.
import { LOOK_STAGES, type LookStage } from '@ruth/protocol';

/** Upper bounds of the buckets, milliseconds; what is above the last is counted without one. */
export const STAGE_BUCKETS_MS: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

export interface StageHistogram {
  readonly stage: LookStage;
  /** Looks in each bucket alone, by the index of its bound; the last is of those above all bounds. */
  readonly counts: ArrayLike<number>;
  readonly sumMs: number;
}

export class StageHistograms {
  readonly #counts = LOOK_STAGES.map(() => new Float64Array(STAGE_BUCKETS_MS.length + 1));
  readonly #sumsMs = new Float64Array(LOOK_STAGES.length);

  /** `stage`: its index in LOOK_STAGES. */
  observe(stage: number, ms: number): void {
    let bucket = 0;
    while (bucket < STAGE_BUCKETS_MS.length && ms > STAGE_BUCKETS_MS[bucket]!) bucket++;
    this.#counts[stage]![bucket]!++;
    this.#sumsMs[stage]! += ms;
  }

  snapshot(): StageHistogram[] {
    return LOOK_STAGES.map((stage, index) => ({ stage, counts: this.#counts[index]!, sumMs: this.#sumsMs[index]! }));
  }
}
