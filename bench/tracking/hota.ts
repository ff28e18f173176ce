// HOTA: the geometric mean of how well boxes are detected and how well they are associated, over 19 overlap thresholds.
// Source: Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021.
import { assign, UNPAIRED } from '@ruth/core';
import { EPSILON, type Comparison } from './comparison.ts';

/** Each the mean over the thresholds. */
export interface HotaMetrics {
  readonly hota: number;
  readonly detectionAccuracy: number;
  readonly associationAccuracy: number;
}

const THRESHOLDS = Array.from({ length: 19 }, (_, index) => (index + 1) * 0.05);

export function hotaMetrics(comparison: Comparison): HotaMetrics {
  const { frames, trackCount } = comparison;
  const { truthBoxes, trackBoxes, alignment } = alignmentOf(comparison);
  const hits = new Float64Array(THRESHOLDS.length);
  const together = THRESHOLDS.map(() => new Float64Array(alignment.length));
  for (const { truth, tracked, overlap } of frames) {
    const gains = overlap.map((value, index) => value * alignment[truth[Math.floor(index / tracked.length)]! * trackCount + tracked[index % tracked.length]!]!);
    assign(truth.length, tracked.length, gains).forEach((column, row) => {
      if (column === UNPAIRED) return;
      const pair = truth[row]! * trackCount + tracked[column]!;
      THRESHOLDS.forEach((threshold, at) => {
        if (overlap[row * tracked.length + column]! < threshold - EPSILON) return;
        hits[at] = hits[at]! + 1;
        together[at]![pair] = together[at]![pair]! + 1;
      });
    });
  }
  const allBoxes = sum(truthBoxes) + sum(trackBoxes);
  const detection = THRESHOLDS.map((_, at) => hits[at]! / Math.max(allBoxes - hits[at]!, 1));
  const association = THRESHOLDS.map((_, at) => {
    const weighted = together[at]!.map((count, pair) => count * count / Math.max(truthBoxes[Math.floor(pair / trackCount)]! + trackBoxes[pair % trackCount]! - count, 1));
    return sum(weighted) / Math.max(hits[at]!, 1);
  });
  return {
    hota: sum(THRESHOLDS.map((_, at) => Math.sqrt(detection[at]! * association[at]!))) / THRESHOLDS.length,
    detectionAccuracy: sum(detection) / THRESHOLDS.length,
    associationAccuracy: sum(association) / THRESHOLDS.length,
  };
}

/** How far each object and track go together over the whole sequence, 0..1, whatever the threshold: it decides frame by frame who is whose. */
function alignmentOf({ frames, truthCount, trackCount }: Comparison): { truthBoxes: Float64Array; trackBoxes: Float64Array; alignment: Float64Array } {
  const truthBoxes = new Float64Array(truthCount);
  const trackBoxes = new Float64Array(trackCount);
  const shared = new Float64Array(truthCount * trackCount);
  for (const { truth, tracked, overlap } of frames) {
    const perRow = truth.map((_, row) => sum(overlap.subarray(row * tracked.length, (row + 1) * tracked.length)));
    const perColumn = tracked.map((_, column) => sum(truth.map((_object, row) => overlap[row * tracked.length + column]!)));
    truth.forEach((object, row) => {
      truthBoxes[object] = truthBoxes[object]! + 1;
      tracked.forEach((track, column) => {
        const value = overlap[row * tracked.length + column]!;
        const union = perRow[row]! + perColumn[column]! - value;
        const index = object * trackCount + track;
        if (union > EPSILON) shared[index] = shared[index]! + value / union;
      });
    });
    for (const track of tracked) trackBoxes[track] = trackBoxes[track]! + 1;
  }
  const alignment = shared.map((value, index) => value / (truthBoxes[Math.floor(index / trackCount)]! + trackBoxes[index % trackCount]! - value));
  return { truthBoxes, trackBoxes, alignment };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
