// Mean average precision as COCO reckons it: IoU thresholds .50 to .95 in steps of .05, precision at 101 recalls, made
// monotone from the right, mean over classes that occur. Source: Lin et al., 2014, and the definition in pycocotools
// (without crowd and area rules, which YOLO-format labels do not carry).

/** Pixels, or any unit that is the same for both sides. */
export interface LabelledBox {
  readonly classId: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface ScoredBox extends LabelledBox {
  readonly score: number;
}

export interface EvaluatedImage {
  readonly truth: readonly LabelledBox[];
  readonly found: readonly ScoredBox[];
}

export interface MeanAveragePrecision {
  readonly map50: number;
  readonly map50To95: number;
  /** Classes that occur in the labels. */
  readonly classes: number;
}

const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, index) => 0.5 + index * 0.05);
const RECALL_STEPS = 100;

export function meanAveragePrecision(images: readonly EvaluatedImage[]): MeanAveragePrecision {
  const classIds = new Set(images.flatMap((image) => image.truth.map((box) => box.classId)));
  const perThreshold = IOU_THRESHOLDS.map((threshold) => mean([...classIds].map((classId) => averagePrecision(images, classId, threshold))));
  return { map50: perThreshold[0] ?? 0, map50To95: mean(perThreshold), classes: classIds.size };
}

/** Area under the precision-recall curve of one class at one IoU threshold, 0..1. */
export function averagePrecision(images: readonly EvaluatedImage[], classId: number, iouThreshold: number): number {
  let positives = 0;
  const outcomes: { score: number; hit: boolean }[] = [];
  for (const { truth, found } of images) {
    const wanted = truth.filter((box) => box.classId === classId);
    positives += wanted.length;
    const taken = new Set<LabelledBox>();
    for (const box of found.filter((candidate) => candidate.classId === classId).sort((a, b) => b.score - a.score)) {
      // Best free label; a label is found once, every further box on it is false.
      let match: LabelledBox | undefined;
      let best = iouThreshold;
      for (const label of wanted) {
        if (taken.has(label)) continue;
        const overlap = iou(box, label);
        if (overlap >= best) [match, best] = [label, overlap];
      }
      if (match) taken.add(match);
      outcomes.push({ score: box.score, hit: match !== undefined });
    }
  }
  if (positives === 0) return 0;
  outcomes.sort((a, b) => b.score - a.score);
  let hits = 0;
  const curve = outcomes.map(({ hit }, index) => {
    if (hit) hits++;
    return { recall: hits / positives, precision: hits / (index + 1) };
  });
  const envelope = new Float64Array(curve.length + 1);
  for (let index = curve.length - 1; index >= 0; index--) envelope[index] = Math.max(envelope[index + 1]!, curve[index]!.precision);
  let sum = 0;
  for (let step = 0, index = 0; step <= RECALL_STEPS; step++) {
    while (index < curve.length && curve[index]!.recall < step / RECALL_STEPS) index++;
    sum += envelope[index]!;
  }
  return sum / (RECALL_STEPS + 1);
}

function iou(a: LabelledBox, b: LabelledBox): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  return width * height / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - width * height);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
