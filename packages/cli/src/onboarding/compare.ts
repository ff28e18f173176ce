// Two models on the same pictures: what one sees and the other does not, and how differently sure and fast they are.
import type { Detection, InferResponse } from '@ruth/protocol';
import type { SamplePicture } from './sample-pictures.ts';

export interface ComparedPicture extends SamplePicture {
  readonly before: readonly Detection[];
  readonly after: readonly Detection[];
  readonly disagreement: number;
}

export interface Comparison {
  readonly looks: number;
  readonly failed: { readonly before: number; readonly after: number };
  readonly detections: { readonly before: number; readonly after: number };
  /** Found by both, at the same place and of the same class. */
  readonly matched: number;
  readonly meanIou: number | null;
  /** After minus before, of what both found. */
  readonly meanScoreChange: number | null;
  /** Of vectors. */
  readonly meanCosine: number | null;
  readonly ms: { readonly before: number; readonly after: number };
  /** Worst first. */
  readonly worst: readonly ComparedPicture[];
}

const SAME_PLACE = 0.5;
const MOST_WORST = 6;

export type Look = () => Promise<InferResponse>;

export class ComparisonTally {
  readonly #worst: ComparedPicture[] = [];
  readonly #failed = { before: 0, after: 0 };
  readonly #detections = { before: 0, after: 0 };
  readonly #ms: { before: number[]; after: number[] } = { before: [], after: [] };
  readonly #ious: number[] = [];
  readonly #changes: number[] = [];
  readonly #cosines: number[] = [];
  #looks = 0;

  /** Asks both at once; a failure of one is counted, never taken for nothing seen. `picture` is only taken where it is among the worst. */
  async look(before: Look, after: Look, picture: () => SamplePicture | null): Promise<void> {
    const [one, other] = await Promise.all([this.#ask('before', before), this.#ask('after', after)]);
    this.#looks++;
    if (one === null || other === null) return;
    this.#detections.before += one.length;
    this.#detections.after += other.length;
    const disagreement = this.#match(one, other);
    if (this.#worst.length >= MOST_WORST && disagreement <= this.#worst.at(-1)!.disagreement) return;
    const shown = picture();
    if (shown === null) return;
    this.#worst.push({ ...shown, before: one, after: other, disagreement });
    this.#worst.sort((a, b) => b.disagreement - a.disagreement).splice(MOST_WORST);
  }

  result(): Comparison {
    return {
      looks: this.#looks, failed: { ...this.#failed }, detections: { ...this.#detections }, matched: this.#ious.length, meanIou: mean(this.#ious), meanScoreChange: mean(this.#changes), meanCosine: mean(this.#cosines),
      ms: { before: mean(this.#ms.before) ?? 0, after: mean(this.#ms.after) ?? 0 }, worst: [...this.#worst],
    };
  }

  async #ask(side: 'before' | 'after', look: Look): Promise<readonly Detection[] | null> {
    const begun = performance.now();
    try {
      const { detections } = await look();
      this.#ms[side].push(performance.now() - begun);
      return detections;
    } catch {
      this.#failed[side]++;
      return null;
    }
  }

  /** What only one of them is sure of, and how much their scores differ. */
  #match(before: readonly Detection[], after: readonly Detection[]): number {
    const free = new Set(after);
    let disagreement = 0;
    for (const one of before) {
      const match = [...free].filter(({ class_name }) => class_name === one.class_name).map((other) => ({ other, overlap: iou(one.bbox, other.bbox) })).sort((a, b) => b.overlap - a.overlap)[0];
      if (!match || match.overlap < SAME_PLACE) {
        disagreement += one.confidence;
        continue;
      }
      free.delete(match.other);
      this.#ious.push(match.overlap);
      this.#changes.push(match.other.confidence - one.confidence);
      disagreement += Math.abs(match.other.confidence - one.confidence);
      const cosine = one.embedding && match.other.embedding?.length === one.embedding.length ? one.embedding.reduce((sum, value, index) => sum + value * match.other.embedding![index]!, 0) : null;
      if (cosine !== null) this.#cosines.push(cosine);
      if (cosine !== null) disagreement += 1 - cosine;
    }
    for (const { confidence } of free) disagreement += confidence;
    return disagreement;
  }
}

function iou(a: Detection['bbox'], b: Detection['bbox']): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height);
}

const mean = (values: readonly number[]): number | null => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length);

export function comparisonText({ looks, failed, detections, matched, meanIou, meanScoreChange, meanCosine, ms }: Comparison): string {
  const number = (value: number | null, digits = 2): string => (value === null ? '-' : value.toFixed(digits));
  return [
    `looks       ${looks}, failed ${failed.before} before, ${failed.after} after`,
    `detections  ${detections.before} before, ${detections.after} after; ${matched} the same (class and place)`,
    `places      mean IoU of the same ${number(meanIou)}`,
    `scores      ${meanScoreChange === null ? '-' : `${meanScoreChange >= 0 ? '+' : ''}${number(meanScoreChange, 3)} on average`}`,
    ...(meanCosine === null ? [] : [`vectors     mean cosine ${number(meanCosine, 3)}`]),
    `speed       ${number(ms.before, 1)} ms before, ${number(ms.after, 1)} ms after`,
  ].join('\n');
}
