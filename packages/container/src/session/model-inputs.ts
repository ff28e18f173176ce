// What a model takes, wherever it runs: one picture, and beside it what is known without looking.
import { RuthError } from '@ruth/protocol/base';
import type { Manifest } from '@ruth/protocol';
import type { InputFormat } from '../preprocess/preprocessor.ts';

/** An input or output as a model states it. A size of text, or below nought, is open. */
export interface TensorPort { readonly name: string; readonly type: string; readonly shape: readonly (number | string)[] }

/** The picture, which alone has four dimensions, and the inputs beside it. Throws `model_invalid`. */
export function pictureInput(ports: readonly TensorPort[], origin: string): { picture: TensorPort; others: TensorPort[] } {
  const pictures = ports.filter(({ shape }) => shape.length === 4);
  const [picture] = pictures;
  if (!picture || pictures.length > 1) {
    throw new RuthError('model_invalid', `${origin}: has ${ports.length} inputs (${ports.map(({ name }) => name).join(', ')}); one picture is what can be given`);
  }
  return { picture, others: ports.filter((port) => port !== picture) };
}

/** What the manifest says, checked against what the model wants. Throws `model_invalid`. */
export function inputFormat({ name, type, shape }: TensorPort, manifest: Manifest, origin: string): InputFormat {
  const { width, height } = manifest.expected_resolution;
  const layout = manifest.input_format?.layout ?? (shape[3] === 3 && shape[1] !== 3 ? 'nhwc' : 'nchw');
  const dtype = manifest.input_format?.dtype ?? 'float32';
  const expected = layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  const fits = shape.length === 4 && shape.every((size, index) => typeof size !== 'number' || size < 0 || size === expected[index]);
  if (!fits || type !== dtype) {
    throw new RuthError('model_invalid', `${origin}: input ${name} takes ${type} [${shape.join(', ')}]; model.yaml says ${dtype} [${expected.join(', ')}] (input_format, expected_resolution)`);
  }
  const { normalization, letterbox } = manifest;
  return {
    size: { width, height }, layout, dtype, channels: manifest.input_format?.channels ?? 'rgb',
    mean: normalization?.mean ?? [0, 0, 0], std: normalization?.std ?? [1, 1, 1],
    letterbox: letterbox?.mode ?? 'center', fill: letterbox?.fill ?? 114,
  };
}

/** Throws `model_invalid` where several pictures cannot be looked at in one inference. */
export function assertBatches({ name, shape }: TensorPort, others: readonly TensorPort[], origin: string): void {
  const wrong = (why: string): RuthError => new RuthError('model_invalid', `${origin}: resource_requirements.max_batch is more than 1, but ${why}`);
  const [first] = shape;
  if (typeof first === 'number' && first > 0) throw wrong(`input ${name} takes ${first} picture at a time ([${shape.join(', ')}]); export the model with a dynamic batch dimension`);
  if (others.length > 0) throw wrong(`inputs beside the picture (${others.map((other) => other.name).join(', ')}) are given for one picture alone`);
}

/** Of one picture in that format. */
export function inputDims({ size: { width, height }, layout }: InputFormat): number[] {
  return layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
}
