// What a model would have seen between two of its looks: what both saw moves from where it was to where it is. Looks come
// a few times a second and pictures more often; without this, boxes lag behind who walks.
import type { Box, Detection, Keypoint, Look } from '@ruth/protocol';

/** Farthest that the same thing moves between two looks, in diagonals of its box. */
const MAX_MOVE = 0.5;
/** Most that its box grows or shrinks, along its diagonal. */
const MAX_GROWTH = 1.6;

/** The look at `ptsUs`, which lies between the two. What only one of them saw is shown while that one is the nearer. */
export function lookBetween(before: Look, after: Look, ptsUs: number): Look {
  return lookAtShare(before, after, (ptsUs - before.pts_us) / (after.pts_us - before.pts_us));
}

/** What a model is about to see after its last two looks: what both saw goes on as it went, for as long as lies between them at most. */
export function lookAhead(before: Look, last: Look, ptsUs: number): Look {
  return lookAtShare(before, last, Math.min(2, (ptsUs - before.pts_us) / (last.pts_us - before.pts_us)));
}

function lookAtShare(before: Look, after: Look, share: number): Look {
  const nearer = share < 0.5 ? before : after;
  const partners = pairs(before.detections, after.detections);
  const moved = [...partners].map(([from, to]) => between(from, to, share));
  const matched = new Set(share < 0.5 ? partners.keys() : partners.values());
  return { ...nearer, detections: [...moved, ...nearer.detections.filter((detection) => !matched.has(detection))] };
}

/** Which of the later detections is the same thing as which of the earlier ones: by track where both have one, else the nearest first. */
function pairs(earlier: readonly Detection[], later: readonly Detection[]): Map<Detection, Detection> {
  const candidates: { from: Detection; to: Detection; cost: number }[] = [];
  for (const from of earlier) {
    for (const to of later) {
      const cost = costOf(from, to);
      if (cost <= MAX_MOVE) candidates.push({ from, to, cost });
    }
  }
  const partners = new Map<Detection, Detection>();
  const taken = new Set<Detection>();
  for (const { from, to } of candidates.sort((a, b) => a.cost - b.cost)) {
    if (partners.has(from) || taken.has(to)) continue;
    partners.set(from, to);
    taken.add(to);
  }
  return partners;
}

function costOf(from: Detection, to: Detection): number {
  if (from.class_id !== to.class_id) return Infinity;
  if (typeof from.track_id === 'number' && typeof to.track_id === 'number') return from.track_id === to.track_id ? 0 : Infinity;
  const [a, b] = [extent(from.bbox), extent(to.bbox)];
  if (Math.max(a.diagonal, b.diagonal) > MAX_GROWTH * Math.min(a.diagonal, b.diagonal)) return Infinity;
  return Math.hypot(a.x - b.x, a.y - b.y) / ((a.diagonal + b.diagonal) / 2);
}

function extent([xMin, yMin, xMax, yMax]: Box): { x: number; y: number; diagonal: number } {
  return { x: (xMin + xMax) / 2, y: (yMin + yMax) / 2, diagonal: Math.hypot(xMax - xMin, yMax - yMin) };
}

/** Its middle goes on as it went. So does its size, down to half: what is hidden more and more would soon have less than none. */
function boxAhead(from: Box, to: Box, share: number): Box {
  const side = (low: 0 | 1, high: 2 | 3): [number, number] => {
    const [size, before] = [to[high] - to[low], from[high] - from[low]];
    const half = Math.max(size / 2, before + (size - before) * share) / 2;
    const wasAt = (from[low] + from[high]) / 2;
    const middle = wasAt + ((to[low] + to[high]) / 2 - wasAt) * share;
    return [within(middle - half), within(middle + half)];
  };
  const [[xMin, xMax], [yMin, yMax]] = [side(0, 2), side(1, 3)];
  return [xMin, yMin, xMax, yMax];
}

const within = (value: number): number => Math.max(0, Math.min(1, value));

function between(from: Detection, to: Detection, share: number): Detection {
  const isAhead = share > 1;
  const nearer = share < 0.5 ? from : to;
  const bbox = isAhead ? boxAhead(from.bbox, to.bbox, share) : from.bbox.map((value, index) => value + (to.bbox[index]! - value) * share) as Box;
  if (from.keypoints?.length !== to.keypoints?.length || !from.keypoints || !to.keypoints) return { ...nearer, bbox };
  return { ...nearer, bbox, keypoints: isAhead ? bodyAhead(from.keypoints, to.keypoints, share) : bodyBetween(from.keypoints, to.keypoints, share) };
}

function bodyBetween(from: readonly Keypoint[], to: readonly Keypoint[], share: number): Keypoint[] {
  return from.map(([x, y, score], index): Keypoint => {
    const [laterX, laterY, laterScore] = to[index]!;
    return [x + (laterX - x) * share, y + (laterY - y) * share, Math.min(score, laterScore)];
  });
}

/** It goes on as a whole, as it was seen last: feet that went on by themselves would leave the legs in mid-stride. */
function bodyAhead(from: readonly Keypoint[], to: readonly Keypoint[], share: number): Keypoint[] {
  const sureness = to.map(([, , score], index) => Math.min(score, from[index]![2]));
  const all = sureness.reduce((sum, score) => sum + score, 0);
  const moved = (axis: 0 | 1): number => (all === 0 ? 0 : to.reduce((sum, point, index) => sum + sureness[index]! * (point[axis] - from[index]![axis]), 0) / all);
  const [byX, byY] = [moved(0) * (share - 1), moved(1) * (share - 1)];
  return to.map(([x, y], index): Keypoint => [within(x + byX), within(y + byY), sureness[index]!]);
}
