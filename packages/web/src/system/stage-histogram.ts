// Histograms of where the time of looks goes: what one tells, and what lies between two answers.
import type { LookLatencies } from '@ruth/protocol';

/** `looks` one longer than `boundsMs`: the last is of those above all bounds. */
export interface Histogram { readonly boundsMs: readonly number[]; readonly looks: readonly number[]; readonly sumMs: number }

export const looksIn = ({ looks }: Histogram): number => looks.reduce((sum, count) => sum + count, 0);

export const meanMs = (histogram: Histogram): number => histogram.sumMs / looksIn(histogram);

/**
 * Below which a share of the looks lies: straight between the bounds of the bucket in which it falls, as Prometheus' `histogram_quantile` has it.
 * Null where there is no look; the highest bound where it lies above all of them.
 */
export function quantileMs(histogram: Histogram, share: number): number | null {
  const { boundsMs, looks } = histogram;
  const rank = share * looksIn(histogram);
  if (rank === 0) return null;
  let before = 0;
  for (const [index, count] of looks.entries()) {
    if (before + count >= rank) {
      const upperMs = boundsMs[index];
      if (upperMs === undefined) return boundsMs.at(-1) ?? null;
      const lowerMs = boundsMs[index - 1] ?? 0;
      return lowerMs + (upperMs - lowerMs) * (rank - before) / count;
    }
    before += count;
  }
  return boundsMs.at(-1) ?? null;
}

/** What came between two answers; the newer one where core began anew between them, or knew the model not yet. */
export function latenciesBetween(older: LookLatencies, newer: LookLatencies): LookLatencies {
  if (older.since !== newer.since) return newer;
  const models = newer.models.map((model) => {
    const before = older.models.find(({ model_id }) => model_id === model.model_id);
    const stages = model.stages.map((stage) => {
      const then = before?.stages.find((each) => each.stage === stage.stage);
      return then ? { ...stage, looks: stage.looks.map((count, index) => count - (then.looks[index] ?? 0)), sum_ms: stage.sum_ms - then.sum_ms } : stage;
    });
    return { ...model, stages };
  });
  return { ...newer, models };
}
