// Where shapes alone do not tell how pixels are meant or outputs are read: gives a model real pictures in each way that comes into
// question, and the same pictures mirrored. What it is sure of, and finds again in the mirror, speaks for a way.
import type { Manifest } from '@ruth/protocol';
import { decoderFor } from '../decode/decoder.ts';
import type { Candidate, Decoder, OutputTensor } from '../decode/detections.ts';
import { best, iou, suppressOverlaps } from '../decode/nms.ts';
import type { LoadedModel } from '../model/load-model.ts';
import { frameX, frameY, type Geometry } from '../preprocess/geometry.ts';
import { Preprocessor } from '../preprocess/preprocessor.ts';
import type { SourceFrame } from '../preprocess/scaler.ts';
import type { OnnxSession } from '../session/onnx-session.ts';
import type { InputConvention, Reading } from './reading.ts';

export interface TrialPicture { readonly frame: SourceFrame; readonly mirrored: SourceFrame }

export interface Way { readonly reading: Reading; readonly convention: InputConvention }

export interface TriedWay extends Way {
  /** Comparable among the ways of one model; 0 where it saw nothing. */
  readonly score: number;
  /** What it gave, in words. */
  readonly gave: string;
}

const SURE = 0.25;
const SAME_PLACE = 0.5;
const MOST_FOUND = 100;

/** One score a way; ways whose outputs cannot be read so have the score 0. */
export async function tryWays(session: OnnxSession, readings: readonly Reading[], pictures: readonly TrialPicture[], report: (done: number, of: number) => void): Promise<TriedWay[]> {
  const conventions = new Map<string, InputConvention>();
  for (const { conventions: of } of readings) for (const convention of of) conventions.set(keyOf(convention), convention);
  const tried: TriedWay[] = [];
  let done = 0;
  for (const [key, convention] of conventions) {
    const { channels, mean, std, letterbox, fill } = convention;
    using preprocessor = new Preprocessor({ ...session.input, channels, mean, std, letterbox, fill });
    session.bind(preprocessor.tensor);
    const judges = readings.filter(({ conventions: of }) => of.some((one) => keyOf(one) === key)).map((reading) => ({ reading, judge: judgeOf(reading, session) }));
    for (const { frame, mirrored } of pictures) {
      const seen: { geometry: Geometry; outputs: Record<string, OutputTensor> }[] = [];
      for (const picture of [frame, mirrored]) {
        const geometry = preprocessor.fillFrom(picture, undefined, () => undefined);
        // The outputs may be overwritten by the next run.
        seen.push({ geometry, outputs: Object.fromEntries(Object.entries(await session.run()).map(([name, { dims, data }]) => [name, { dims, data: data.slice() }])) });
      }
      for (const { judge } of judges) judge.look(seen[0]!, seen[1]!);
      report(++done, conventions.size * pictures.length);
    }
    for (const { reading, judge } of judges) tried.push({ reading, convention, ...judge.verdict() });
  }
  return tried;
}

export const keyOf = ({ channels, mean, std, letterbox, fill }: InputConvention): string => JSON.stringify([channels, mean, std, letterbox, fill]);

/** The reading's own manifest, with the names that decoders go by. */
export function modelOf(reading: Reading, size: Manifest['expected_resolution']): LoadedModel {
  const { schema } = reading;
  const manifest = {
    model_id: 'trial', model_name: 'trial', model_version: '1', supported_tasks: reading.tasks, model_type: 'onnx', model_weights: 'trial.onnx', output_schema: schema, expected_resolution: size,
  } satisfies Manifest;
  return { folder: '', manifest, weightsPath: '', classes: schema.classes ?? [], keypointNames: schema.keypoint_names ?? [], skeleton: [] };
}

interface Look { readonly geometry: Geometry; readonly outputs: Record<string, OutputTensor> }
interface Judge { look(straight: Look, mirrored: Look): void; verdict(): { score: number; gave: string } }

function judgeOf(reading: Reading, session: OnnxSession): Judge {
  const decoder = decoderFor(modelOf(reading, session.input.size));
  if (reading.schema.format === 'embedding') return new EmbeddingJudge(decoder);
  return new DetectionJudge(decoder, reading);
}

class DetectionJudge implements Judge {
  readonly #decoder: Decoder;
  readonly #reading: Reading;
  #agreed = 0;
  #doubtful = 0;
  #things = 0;
  #looks = 0;
  #unreadable: string | null = null;

  constructor(decoder: Decoder, reading: Reading) {
    this.#decoder = decoder;
    this.#reading = reading;
  }

  look(straight: Look, mirrored: Look): void {
    try {
      const found = this.#found(straight, false);
      const again = this.#found(mirrored, true);
      this.#looks++;
      this.#things += found.length;
      const free = new Set(again);
      for (const thing of found) {
        const [match, overlap] = bestMatch(thing, free);
        if (match) free.delete(match);
        if (match) this.#agreed += Math.min(thing.score, match.score) * overlap;
        else this.#doubtful += thing.score;
      }
      for (const thing of free) this.#doubtful += thing.score;
    } catch (cause) {
      this.#unreadable = (cause as Error).message;
    }
  }

  verdict(): { score: number; gave: string } {
    if (this.#unreadable !== null) return { score: 0, gave: this.#unreadable };
    const score = Math.max(0, this.#agreed - 0.25 * this.#doubtful) / Math.max(1, this.#looks);
    return { score, gave: `${(this.#things / Math.max(1, this.#looks)).toFixed(1)} things a picture, ${this.#agreed.toFixed(1)} of their confidence again in the mirror, ${this.#doubtful.toFixed(1)} not` };
  }

  /** In shares of the picture, mirrored back where it was mirrored. Nothing and everything are no things. */
  #found({ geometry, outputs }: Look, isMirrored: boolean): Candidate[] {
    const candidates = this.#decoder.decode(outputs, { scoreThreshold: SURE });
    const kept = this.#decoder.overlapping ? suppressOverlaps(candidates, this.#reading.thresholds.nms_iou_threshold ?? 0.5, MOST_FOUND) : best(candidates, MOST_FOUND);
    return kept.map((thing) => {
      const [left, right] = [frameX(geometry, thing.left), frameX(geometry, thing.right)];
      const [from, to] = isMirrored ? [1 - right, 1 - left] : [left, right];
      return { ...thing, left: from, right: to, top: frameY(geometry, thing.top), bottom: frameY(geometry, thing.bottom) };
    }).filter(({ left, right, top, bottom }) => (right - left) * (bottom - top) > 1e-5);
  }
}

/** Pictures and their mirrors shall be alike, pictures and others not. */
class EmbeddingJudge implements Judge {
  readonly #decoder: Decoder;
  readonly #pairs: [Float32Array, Float32Array][] = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  look(straight: Look, mirrored: Look): void {
    try {
      const [one, other] = [straight, mirrored].map(({ outputs }) => this.#decoder.decode(outputs, { scoreThreshold: 0 })[0]!.embedding!) as [Float32Array, Float32Array];
      this.#pairs.push([one, other]);
    } catch {
      // A vector without a direction speaks for nothing.
    }
  }

  verdict(): { score: number; gave: string } {
    const same = this.#pairs.map(([one, other]) => cosine(one, other));
    const different = this.#pairs.flatMap(([one], index) => this.#pairs.slice(index + 1).map(([other]) => cosine(one, other)));
    if (different.length === 0) return { score: 0, gave: 'no vectors to compare' };
    const score = Math.max(0, (mean(same) - mean(different)) / (deviation(same) + deviation(different) + 0.01));
    return { score, gave: `likeness ${mean(same).toFixed(2)} of a picture with its mirror, ${mean(different).toFixed(2)} of different ones` };
  }
}

function bestMatch(thing: Candidate, others: Iterable<Candidate>): [Candidate | null, number] {
  let [match, overlap]: [Candidate | null, number] = [null, SAME_PLACE];
  for (const other of others) {
    if (other.classId !== thing.classId) continue;
    const share = iou(thing, other);
    if (share >= overlap) [match, overlap] = [other, share];
  }
  return [match, overlap];
}

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
