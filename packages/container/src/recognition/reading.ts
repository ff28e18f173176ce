// One way in which a model may be meant: how its outputs are read, and the ways in which its pixels may be given.
import type { Manifest } from '@ruth/protocol';
import type { InputFormat, Triple } from '../preprocess/preprocessor.ts';

export type OutputFormat = Manifest['output_schema']['format'];

/** What a family of models was trained on. Two that give the same tensor are one. */
export interface InputConvention {
  /** For people, e.g. `BGR 0..255`. */
  readonly name: string;
  readonly channels: 'rgb' | 'bgr';
  readonly mean: Triple;
  readonly std: Triple;
  readonly letterbox: InputFormat['letterbox'];
  readonly fill: number;
}

export interface Reading {
  /** For people, e.g. `YOLOX`. */
  readonly family: string;
  readonly schema: Manifest['output_schema'];
  readonly tasks: Manifest['supported_tasks'];
  /** Likeliest first. */
  readonly conventions: readonly InputConvention[];
  readonly thresholds: Pick<Manifest, 'confidence_threshold' | 'nms_iou_threshold' | 'max_detections'>;
  /** What speaks for it, in words. */
  readonly because: string;
  /** What a person should look after, in words. */
  readonly notes: readonly string[];
}

const ZERO: Triple = [0, 0, 0];
const ONE: Triple = [1, 1, 1];
const UNIT: Triple = [255, 255, 255];
/** Mean and deviation of ImageNet's pictures, as torchvision gives them, times 255. */
const IMAGENET = { mean: [123.675, 116.28, 103.53] as Triple, std: [58.395, 57.12, 57.375] as Triple };

type Place = Pick<InputConvention, 'letterbox' | 'fill'>;
const of = (name: string, channels: 'rgb' | 'bgr', mean: Triple, std: Triple) => (place: Place): InputConvention => ({ name, channels, mean, std, ...place });

export const RGB_UNIT = of('RGB 0..1', 'rgb', ZERO, UNIT);
export const BGR_UNIT = of('BGR 0..1', 'bgr', ZERO, UNIT);
export const RGB_BYTE = of('RGB 0..255', 'rgb', ZERO, ONE);
export const BGR_BYTE = of('BGR 0..255', 'bgr', ZERO, ONE);
export const RGB_IMAGENET = of('RGB by ImageNet\'s mean', 'rgb', IMAGENET.mean, IMAGENET.std);
export const RGB_SIGNED = of('RGB -1..1', 'rgb', [127.5, 127.5, 127.5], [127.5, 127.5, 127.5]);

export const CENTRED: Place = { letterbox: 'center', fill: 114 };
export const CORNERED: Place = { letterbox: 'top-left', fill: 114 };
export const STRETCHED: Place = { letterbox: 'stretch', fill: 114 };
export const CENTRED_IN_BLACK: Place = { letterbox: 'center', fill: 0 };
