// The plain way to evaluate a detector, to hold the long one against: the image's own RGB, a letterbox, the model, its boxes, in few
// lines that share none with the container. How each family is fed and read is what its authors' scripts do, not what a manifest says.
import { createCanvas, loadImage } from '@napi-rs/canvas';
import * as ort from 'onnxruntime-node';
import type { Manifest } from '@ruth/protocol';
import type { ScoredBox } from './average-precision.ts';

type Format = Manifest['output_schema']['format'];
type Outputs = Readonly<Record<string, ort.Tensor>>;
/** In pixels of the input. */
type Reader = (outputs: Outputs, size: number) => ScoredBox[];

interface Family {
  readonly bgr: boolean;
  readonly divisor: number;
  readonly centred: boolean;
  /** IoU beyond which the less sure of two boxes of a class goes; none where the model leaves no doubles. */
  readonly overlap: number | null;
  readonly read: Reader;
}

const LEAST_SCORE = 0.01;
const MOST_BOXES = 300;
const FILL = 114;

const FAMILIES: Partial<Record<Format, Family>> = {
  yolov8: { bgr: false, divisor: 255, centred: true, overlap: 0.7, read: readYolov8 },
  yolox: { bgr: true, divisor: 1, centred: false, overlap: 0.65, read: readYolox },
  // CenterNet: a peak is already the only one of its neighbourhood.
  ssd: { bgr: false, divisor: 1, centred: true, overlap: null, read: readRows },
  yunet: { bgr: true, divisor: 1, centred: false, overlap: 0.3, read: readYunet },
};

export class PlainDetector {
  readonly #session: ort.InferenceSession;
  readonly #family: Family;
  readonly #size: number;

  private constructor(session: ort.InferenceSession, family: Family, size: number) {
    this.#session = session;
    this.#family = family;
    this.#size = size;
  }

  static async load(weightsPath: string, { output_schema: { format }, expected_resolution: { width, height } }: Manifest): Promise<PlainDetector> {
    const family = FAMILIES[format];
    if (!family) throw new Error(`the plain evaluator does not read ${format}; it reads ${Object.keys(FAMILIES).join(', ')}`);
    if (width !== height) throw new Error(`the plain evaluator takes square inputs; this is ${width}x${height}`);
    return new PlainDetector(await ort.InferenceSession.create(weightsPath), family, width);
  }

  /** Boxes in pixels of the image, the surest first. */
  async look(path: string): Promise<ScoredBox[]> {
    const image = await loadImage(path);
    const canvas = createCanvas(image.width, image.height);
    canvas.getContext('2d').drawImage(image, 0, 0);
    const rgba = canvas.getContext('2d').getImageData(0, 0, image.width, image.height).data;
    const size = this.#size;
    const ratio = Math.min(size / image.width, size / image.height);
    const [width, height] = [Math.round(image.width * ratio), Math.round(image.height * ratio)];
    const [left, top] = this.#family.centred ? [Math.floor((size - width) / 2), Math.floor((size - height) / 2)] : [0, 0];
    const outputs = await this.#session.run({ [this.#session.inputNames[0]!]: this.#tensor(rgba, image.width, image.height, { left, top, width, height }) });
    const boxes = this.#family.read(outputs, size).sort((a, b) => b.score - a.score);
    const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
    return thinned(boxes, this.#family.overlap).slice(0, MOST_BOXES).map((box) => ({
      ...box, left: clamp((box.left - left) / ratio, image.width), right: clamp((box.right - left) / ratio, image.width),
      top: clamp((box.top - top) / ratio, image.height), bottom: clamp((box.bottom - top) / ratio, image.height),
    }));
  }

  /** Bilinear, as OpenCV resizes: centres of pixels on centres of pixels. */
  #tensor(rgba: Uint8ClampedArray, fromWidth: number, fromHeight: number, { left, top, width, height }: { left: number; top: number; width: number; height: number }): ort.Tensor {
    const size = this.#size;
    const { bgr, divisor } = this.#family;
    const planar = (this.#session.inputMetadata[0] as unknown as { shape: unknown[] }).shape[1] === 3;
    const data = new Float32Array(3 * size * size).fill(FILL / divisor);
    for (let y = 0; y < height; y++) {
      const sourceY = Math.min(fromHeight - 1, Math.max(0, (y + 0.5) * fromHeight / height - 0.5));
      const [y0, y1] = [Math.floor(sourceY), Math.min(fromHeight - 1, Math.floor(sourceY) + 1)];
      for (let x = 0; x < width; x++) {
        const sourceX = Math.min(fromWidth - 1, Math.max(0, (x + 0.5) * fromWidth / width - 0.5));
        const [x0, x1] = [Math.floor(sourceX), Math.min(fromWidth - 1, Math.floor(sourceX) + 1)];
        const [down, along] = [sourceY - y0, sourceX - x0];
        for (let colour = 0; colour < 3; colour++) {
          const at = (row: number, column: number): number => rgba[(row * fromWidth + column) * 4 + colour]!;
          const value = (at(y0, x0) * (1 - along) + at(y0, x1) * along) * (1 - down) + (at(y1, x0) * (1 - along) + at(y1, x1) * along) * down;
          const channel = bgr ? 2 - colour : colour;
          const pixel = (top + y) * size + left + x;
          data[planar ? channel * size * size + pixel : pixel * 3 + channel] = value / divisor;
        }
      }
    }
    return new ort.Tensor('float32', data, planar ? [1, 3, size, size] : [1, size, size, 3]);
  }
}

function around(classId: number, score: number, x: number, y: number, width: number, height: number): ScoredBox {
  return { classId, score, left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}

function surest(scores: readonly number[]): [number, number] {
  const score = Math.max(...scores);
  return [scores.indexOf(score), score];
}

const numbers = (tensor: ort.Tensor): Float32Array => tensor.data as Float32Array;
const only = (outputs: Outputs): ort.Tensor => Object.values(outputs)[0]!;

function readYolov8(outputs: Outputs): ScoredBox[] {
  const [, rows, places] = only(outputs).dims as [number, number, number];
  const data = numbers(only(outputs));
  return Array.from({ length: places }, (_, place) => {
    const of = (row: number): number => data[row * places + place]!;
    return around(...surest(Array.from({ length: rows - 4 }, (__, index) => of(4 + index))), of(0), of(1), of(2), of(3));
  }).filter(({ score }) => score >= LEAST_SCORE);
}

function readYolox(outputs: Outputs, size: number): ScoredBox[] {
  const [, , quantities] = only(outputs).dims as [number, number, number];
  const data = numbers(only(outputs));
  let row = 0;
  return [8, 16, 32].flatMap((stride) => Array.from({ length: (size / stride) ** 2 }, (_, cell) => {
    const [x, y, width, height, objectness, ...classes] = data.subarray(row * quantities, ++row * quantities) as unknown as [number, number, number, number, number, ...number[]];
    const [classId, score] = surest(classes);
    const across = size / stride;
    return around(classId, score * objectness, (x + cell % across) * stride, (y + Math.floor(cell / across)) * stride, Math.exp(width) * stride, Math.exp(height) * stride);
  })).filter(({ score }) => score >= LEAST_SCORE);
}

function readRows(outputs: Outputs): ScoredBox[] {
  const rows = Object.values(outputs).find(({ dims }) => dims.at(-1) === 6)!;
  const data = numbers(rows);
  return Array.from({ length: data.length / 6 }, (_, row) => {
    const [left, top, right, bottom, score, classId] = data.subarray(row * 6, row * 6 + 6) as unknown as [number, number, number, number, number, number];
    return { classId: Math.round(classId), score, left, top, right, bottom };
  }).filter(({ score }) => score >= LEAST_SCORE);
}

function readYunet(outputs: Outputs, size: number): ScoredBox[] {
  return [8, 16, 32].flatMap((stride) => {
    const [cls, obj, bbox] = ['cls', 'obj', 'bbox'].map((name) => numbers(outputs[`${name}_${stride}`]!)) as [Float32Array, Float32Array, Float32Array];
    const across = size / stride;
    return Array.from(cls, (face, cell) => around(0, Math.sqrt(face * obj[cell]!), (bbox[cell * 4]! + cell % across) * stride, (bbox[cell * 4 + 1]! + Math.floor(cell / across)) * stride,
      Math.exp(bbox[cell * 4 + 2]!) * stride, Math.exp(bbox[cell * 4 + 3]!) * stride));
  }).filter(({ score }) => score >= LEAST_SCORE);
}

function thinned(boxes: readonly ScoredBox[], overlap: number | null): ScoredBox[] {
  if (overlap === null) return [...boxes];
  const kept: ScoredBox[] = [];
  for (const box of boxes) if (!kept.some((other) => other.classId === box.classId && shared(box, other) > overlap)) kept.push(box);
  return kept;
}

function shared(a: ScoredBox, b: ScoredBox): number {
  const both = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  return both / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - both);
}
