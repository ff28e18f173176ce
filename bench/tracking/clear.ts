// CLEAR MOT: accuracy, identity switches, fragments. Sources: Bernardin and Stiefelhagen, EURASIP JIVP 2008; Milan et al.,
// MOT16, 2016 (a switch counts after a gap too). As there, a pair of the frame before is kept wherever it still overlaps.
import { assign, UNPAIRED } from '@ruth/core';
import { EPSILON, type Comparison } from './comparison.ts';

export interface ClearMetrics {
  /** 1 - (misses + false boxes + switches) / true boxes; can be below 0. */
  readonly mota: number;
  /** Times that a true object came to another track than its last one. */
  readonly idSwitches: number;
  /** Times that a true object was found again after it had not been. */
  readonly fragments: number;
  readonly misses: number;
  readonly falseBoxes: number;
}

const OVERLAP_THRESHOLD = 0.5;
/** More than all overlaps of a frame together, so that pairs of the frame before come first. */
const KEPT = 1000;

export function clearMetrics({ frames, truthCount }: Comparison): ClearMetrics {
  const lastTrack = new Int32Array(truthCount).fill(UNPAIRED);
  let trackBefore = new Int32Array(truthCount).fill(UNPAIRED);
  const beginnings = new Int32Array(truthCount);
  let truthBoxes = 0;
  let misses = 0;
  let falseBoxes = 0;
  let idSwitches = 0;
  for (const { truth, tracked, overlap } of frames) {
    const gains = overlap.map((value, index) => {
      if (value < OVERLAP_THRESHOLD - EPSILON) return 0;
      const [row, column] = [Math.floor(index / tracked.length), index % tracked.length];
      return value + (trackBefore[truth[row]!] === tracked[column] ? KEPT : 0);
    });
    const trackNow = new Int32Array(truthCount).fill(UNPAIRED);
    let hits = 0;
    assign(truth.length, tracked.length, gains).forEach((column, row) => {
      if (column === UNPAIRED) return;
      const [object, track] = [truth[row]!, tracked[column]!];
      hits++;
      if (lastTrack[object] !== UNPAIRED && lastTrack[object] !== track) idSwitches++;
      if (trackBefore[object] === UNPAIRED) beginnings[object] = beginnings[object]! + 1;
      trackNow[object] = lastTrack[object] = track;
    });
    trackBefore = trackNow;
    truthBoxes += truth.length;
    misses += truth.length - hits;
    falseBoxes += tracked.length - hits;
  }
  const fragments = beginnings.reduce((sum, count) => sum + Math.max(count - 1, 0), 0);
  return { mota: 1 - (misses + falseBoxes + idSwitches) / Math.max(truthBoxes, 1), idSwitches, fragments, misses, falseBoxes };
}
