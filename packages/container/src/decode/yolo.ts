// Detectors of the YOLO family. Source of the layouts: the exporters of Ultralytics YOLOv5/YOLOv8 and of Megvii YOLOX.
import { RuthError } from '@ruth/protocol/base';
import type { Size } from '../preprocess/geometry.ts';
import { SimdMemory, TURN } from '../simd/simd-memory.ts';
import { centredBox, type Candidate, type Decoder, type DecoderContext, type OutputTensor } from './detections.ts';

const YOLOX_STRIDES = [8, 16, 32] as const;

/** `[1, 4 + classes (+ 3 keypoints), N]`: each row is one quantity of all N places, x y w h first. */
export function yolov8({ output, classCount, keypointCount }: DecoderContext): Decoder {
  return {
    overlapping: true,
    decode(outputs, { scoreThreshold }) {
      const { dims, data } = output(outputs);
      const [batch, rows = 0, places = 0] = dims;
      const classes = keypointCount > 0 ? Math.max(1, classCount) : rows - 4;
      const expected = keypointCount > 0 ? 4 + classes + 3 * keypointCount : classCount > 0 ? 4 + classCount : rows;
      if (dims.length !== 3 || batch !== 1 || rows !== expected || classes < 1) {
        throw shapeError(dims, `[1, ${expected > 4 ? expected : '4 + classes'}, N]`);
      }
      /** Of each place the index of its best score. */
      const best = new Map<number, number>();
      for (const at of indicesFrom(data, 4 * places, (4 + classes) * places, scoreThreshold)) {
        const known = best.get(at % places);
        if (known === undefined || data[at]! > data[known]!) best.set(at % places, at);
      }
      const found: Candidate[] = [];
      for (const [place, at] of best) {
        const keypoints = keypointCount > 0 ? Float32Array.from({ length: 3 * keypointCount }, (_, k) => data[(4 + classes + k) * places + place]!) : undefined;
        const candidate = centredBox(Math.floor(at / places) - 4, data[at]!, data[place]!, data[places + place]!, data[2 * places + place]!, data[3 * places + place]!, keypoints);
        if (candidate) found.push(candidate);
      }
      return found;
    },
  };
}

/**
 * Where values are that reach `least`. Nearly every one is below, so the loop asks little else: positive floats are ordered as their bits
 * are, and whole numbers compare quicker, sixteen in a turn. A NaN, whose bits are those of a great number, is let go at the second look.
 */
function indicesFrom(data: Float32Array, begin: number, end: number, least: number): number[] {
  const indices: number[] = [];
  let index = begin;
  const look = (until: number): void => { for (; index < until; index++) if (data[index]! >= least) indices.push(index); };
  if (least > 0) {
    const firstTurn = turns(data, least);
    const last = end - (end - begin) % TURN;
    for (index = firstTurn(index, last); index < last; index = firstTurn(index, last)) look(index + TURN);
  }
  look(end);
  return indices;
}

/** Gives the first sixteen from an index on of which one reaches `least`; the end, a multiple of sixteen from there, where none does. */
function turns(data: Float32Array, least: number): (from: number, end: number) => number {
  const [bits = 0] = new Int32Array(Float32Array.of(least).buffer);
  const loops = SimdMemory.of(data)?.loops;
  if (loops) return (from, end) => (loops.firstAtLeast(data.byteOffset + 4 * from, data.byteOffset + 4 * end, bits) - data.byteOffset) / 4;
  const numbers = new Int32Array(data.buffer, data.byteOffset, data.length);
  return (from, end) => firstAtLeast(numbers, from, end, bits);
}

/** By itself, so that it is compiled for what it does. */
function firstAtLeast(bits: Int32Array, from: number, end: number, least: number): number {
  let at = from;
  for (; at < end; at += 8) {
    if (bits[at]! >= least || bits[at + 1]! >= least || bits[at + 2]! >= least || bits[at + 3]! >= least
      || bits[at + 4]! >= least || bits[at + 5]! >= least || bits[at + 6]! >= least || bits[at + 7]! >= least) return at - (at - from) % TURN;
  }
  return at;
}

/** `[1, N, 5 + classes]`: x y w h objectness, then classes; score = objectness x class. */
export function yolov5({ output, classCount }: DecoderContext): Decoder {
  return {
    overlapping: true,
    decode(outputs, { scoreThreshold }) {
      const tensor = placesByQuantities(output(outputs), classCount);
      return scan(tensor, scoreThreshold, (at, classId, score) => {
        const { data } = tensor;
        return centredBox(classId, score, data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!);
      });
    },
  };
}

/** As yolov5, but centres in cells and sizes as logarithms, of grids with strides 8, 16 and 32. */
export function yolox({ output, classCount, input }: DecoderContext): Decoder {
  const grid = yoloxGrid(input);
  return {
    overlapping: true,
    decode(outputs, { scoreThreshold }) {
      const tensor = placesByQuantities(output(outputs), classCount);
      const [, places = 0, quantities = 0] = tensor.dims;
      if (places !== grid.length / 3) throw shapeError(tensor.dims, `[1, ${grid.length / 3}, ${quantities}] for an input of ${input.width}x${input.height}`);
      const { data } = tensor;
      return scan(tensor, scoreThreshold, (at, classId, score) => {
        const cell = at / quantities * 3;
        const stride = grid[cell + 2]!;
        return centredBox(classId, score, (data[at]! + grid[cell]!) * stride, (data[at + 1]! + grid[cell + 1]!) * stride,
          Math.exp(data[at + 2]!) * stride, Math.exp(data[at + 3]!) * stride);
      });
    },
  };
}

/** Column, row and stride of each place in turn. */
function yoloxGrid({ width, height }: Size): Float32Array {
  const cells: number[] = [];
  for (const stride of YOLOX_STRIDES) {
    for (let row = 0; row < Math.floor(height / stride); row++) {
      for (let column = 0; column < Math.floor(width / stride); column++) cells.push(column, row, stride);
    }
  }
  return Float32Array.from(cells);
}

function placesByQuantities(tensor: OutputTensor, classCount: number): OutputTensor {
  const { dims } = tensor;
  const quantities = dims[2] ?? 0;
  if (dims.length !== 3 || dims[0] !== 1 || quantities < 6 || (classCount > 0 && quantities !== 5 + classCount)) {
    throw shapeError(dims, `[1, N, ${classCount > 0 ? 5 + classCount : '5 + classes'}]`);
  }
  return tensor;
}

function scan({ dims, data }: OutputTensor, scoreThreshold: number, candidateAt: (at: number, classId: number, score: number) => Candidate | null): Candidate[] {
  const [, places = 0, quantities = 0] = dims;
  const found: Candidate[] = [];
  for (let place = 0, at = 0; place < places; place++, at += quantities) {
    const objectness = data[at + 4]!;
    if (!(objectness >= scoreThreshold)) continue;
    let best = 0;
    let bestClass = -1;
    for (let classId = 0; classId < quantities - 5; classId++) {
      const score = data[at + 5 + classId]!;
      if (score > best) [best, bestClass] = [score, classId];
    }
    if (bestClass < 0 || best * objectness < scoreThreshold) continue;
    const candidate = candidateAt(at, bestClass, best * objectness);
    if (candidate) found.push(candidate);
  }
  return found;
}

function shapeError(dims: readonly number[], expected: string): RuthError {
  return new RuthError('inference_failed', `the model's output has shape [${dims.join(', ')}]; its output format in model.yaml means ${expected}`);
}
