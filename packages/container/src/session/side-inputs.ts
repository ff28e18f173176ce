// Inputs that some detectors have beside the picture: its size, so that they give boxes in pixels, or a mask of what is picture.
// They are given the size of the input tensor: the way back to the frame is ours.
import { RuthError } from '@ruth/protocol/base';
import type { Size } from '../preprocess/geometry.ts';

interface SideInput {
  /** What exporters call it. */
  readonly name: RegExp;
  readonly dims: (size: Size) => readonly number[];
  readonly values: (size: Size) => readonly number[];
  readonly meaning: string;
}

export const SIDE_INPUTS: readonly SideInput[] = [
  // RT-DETR, D-FINE, DEIM: width first. PaddleDetection: height first, and how much the picture was scaled.
  { name: /^orig(inal)?_(target_)?sizes?$/i, dims: () => [1, 2], values: ({ width, height }) => [width, height], meaning: 'width and height' },
  { name: /^im_shape$/i, dims: () => [1, 2], values: ({ width, height }) => [height, width], meaning: 'height and width' },
  { name: /^scale_factor$/i, dims: () => [1, 2], values: () => [1, 1], meaning: 'scale' },
  // DETR of Hugging Face: 1 where there is picture.
  { name: /^pixel_mask$/i, dims: ({ width, height }) => [1, height, width], values: ({ width, height }) => Array<number>(width * height).fill(1), meaning: 'mask of the picture' },
];

export interface SideTensor {
  readonly name: string;
  readonly type: 'int64' | 'int32' | 'float32' | 'bool';
  readonly data: BigInt64Array | Int32Array | Float32Array | Uint8Array;
  readonly dims: readonly number[];
}

/** Throws `model_invalid` for an input that is none of those. */
export function sideInputs(inputs: readonly { readonly name: string; readonly type: string }[], size: Size, origin: string): SideTensor[] {
  return inputs.map(({ name, type }) => {
    const known = SIDE_INPUTS.find((side) => side.name.test(name));
    if (!known) throw new RuthError('model_invalid', `${origin}: has an input ${JSON.stringify(name)} beside the picture; known are orig_target_sizes, im_shape, scale_factor and pixel_mask`);
    return sideTensor(name, type, known.values(size), known.dims(size), origin);
  });
}

function sideTensor(name: string, type: string, values: readonly number[], dims: readonly number[], origin: string): SideTensor {
  switch (type) {
    case 'int64': return { name, type, data: BigInt64Array.from(values, BigInt), dims };
    case 'int32': return { name, type, data: Int32Array.from(values), dims };
    case 'float32': return { name, type, data: Float32Array.from(values), dims };
    case 'bool': return { name, type, data: Uint8Array.from(values), dims };
    default: throw new RuthError('model_invalid', `${origin}: takes ${type} for ${name}; int64, int32, float32 or bool can be given`);
  }
}
