// What a decoder finds, in pixels of the model's input, before overlap is thinned and it is mapped to the frame.
import type { Manifest } from '@ruth/protocol';
import type { Size } from '../preprocess/geometry.ts';

export interface Candidate {
  readonly classId: number;
  /** 0..1, finite. */
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** x, y, score of each keypoint in turn; x and y in input pixels. */
  readonly keypoints?: Float32Array;
  /** Of length 1; what looks alike lies near. */
  readonly embedding?: Float32Array;
}

export interface DecodeOptions {
  /** Candidates below it are left out. */
  readonly scoreThreshold: number;
}

/** An output of the model. */
export interface OutputTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface Decoder {
  /** Whether one thing can be found many times, so that overlap must be thinned. */
  readonly overlapping: boolean;
  /** Throws `inference_failed` where the outputs do not have the shape that the format says. */
  decode(outputs: Readonly<Record<string, OutputTensor>>, options: DecodeOptions): Candidate[];
}

/** What a decoder is made for. */
export interface DecoderContext {
  readonly schema: Manifest['output_schema'];
  readonly input: Size;
  /** 0 where the manifest names none: then the model's own shape counts. */
  readonly classCount: number;
  readonly keypointCount: number;
  /** The output to read: the one the manifest names, else the first. Throws `inference_failed` where it is not there. */
  readonly output: (outputs: Readonly<Record<string, OutputTensor>>) => OutputTensor;
}

/** A box around a centre, or null where a number is none or the box has no area. */
export function centredBox(classId: number, score: number, x: number, y: number, width: number, height: number, keypoints?: Float32Array): Candidate | null {
  return box(classId, score, x - width / 2, y - height / 2, x + width / 2, y + height / 2, keypoints);
}

/** A box by its corners, or null where a number is none or the box has no area. */
export function box(classId: number, score: number, left: number, top: number, right: number, bottom: number, keypoints?: Float32Array): Candidate | null {
  if (!(right > left && bottom > top && right - left < Infinity && bottom - top < Infinity)) return null;
  return { classId, score: score > 1 ? 1 : score, left, top, right, bottom, ...(keypoints && { keypoints }) };
}
