// What the metrics are reckoned from: frame by frame, the true boxes, the tracked boxes, and how well each two overlap.
import type { IdentifiedBox, PixelBox } from './sequence.ts';

/** One frame. Ids are dense: 0 to `truthCount - 1` and 0 to `trackCount - 1` of the comparison. */
export interface ComparedFrame {
  readonly truth: readonly number[];
  readonly tracked: readonly number[];
  /** IoU, row by row: entry `t * tracked.length + k` is of `truth[t]` and `tracked[k]`. */
  readonly overlap: Float64Array;
}

export interface Comparison {
  readonly frames: readonly ComparedFrame[];
  readonly truthCount: number;
  readonly trackCount: number;
}

/** An overlap this little below a threshold still reaches it. */
export const EPSILON = Number.EPSILON;

/** Both by frame, of the same length. Throws where an id occurs twice in a frame. */
export function compare(truth: readonly (readonly IdentifiedBox[])[], tracked: readonly (readonly IdentifiedBox[])[]): Comparison {
  if (truth.length !== tracked.length) throw new Error(`${truth.length} true frames and ${tracked.length} tracked ones cannot be compared`);
  const truthIds = new Map<number, number>();
  const trackIds = new Map<number, number>();
  const frames = truth.map((boxes, index) => {
    const others = tracked[index]!;
    const overlap = new Float64Array(boxes.length * others.length);
    boxes.forEach(({ box }, row) => others.forEach((other, column) => { overlap[row * others.length + column] = iou(box, other.box); }));
    return { truth: dense(boxes, truthIds), tracked: dense(others, trackIds), overlap };
  });
  return { frames, truthCount: truthIds.size, trackCount: trackIds.size };
}

export function iou(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height);
}

function dense(boxes: readonly IdentifiedBox[], known: Map<number, number>): number[] {
  const ids = boxes.map(({ id }) => {
    const index = known.get(id) ?? known.size;
    known.set(id, index);
    return index;
  });
  if (new Set(ids).size !== ids.length) throw new Error('an id occurs twice in one frame');
  return ids;
}
