// Non-maximum suppression per class: of boxes that overlap more than `iouThreshold`, the one with the best score stays.
import type { Candidate } from './detections.ts';

/** More than this many are never compared with one another: the time taken is bounded for any input. */
const MAX_COMPARED = 5000;

/** Best score first, at most `limit`. `candidates` is sorted in place. */
export function suppressOverlaps(candidates: Candidate[], iouThreshold: number, limit: number): Candidate[] {
  const kept: Candidate[] = [];
  const keptOfClass = new Map<number, Candidate[]>();
  for (const candidate of best(candidates, MAX_COMPARED)) {
    let others = keptOfClass.get(candidate.classId);
    if (!others) keptOfClass.set(candidate.classId, others = []);
    if (others.some((other) => iou(candidate, other) > iouThreshold)) continue;
    others.push(candidate);
    kept.push(candidate);
    if (kept.length >= limit) break;
  }
  return kept;
}

/** The `limit` best, best score first. `candidates` is sorted in place. */
export function best(candidates: Candidate[], limit: number): Candidate[] {
  return candidates.sort((a, b) => b.score - a.score).slice(0, limit);
}

/** Intersection over union, 0..1. */
export function iou(a: Candidate, b: Candidate): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - intersection);
}
