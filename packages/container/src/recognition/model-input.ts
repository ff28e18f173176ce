// Which input takes the picture, and in what shape. What cannot be given here is said with what to do about it.
import { RuthError } from '@ruth/protocol/base';
import type { OnnxGraph, OnnxPort } from '../onnx/onnx-graph.ts';
import type { InputFormat } from '../preprocess/preprocessor.ts';
import { SIDE_INPUTS } from '../session/side-inputs.ts';
import { ultralyticsExport } from './ultralytics.ts';

export type ModelInput = Pick<InputFormat, 'size' | 'layout' | 'dtype'> & {
  /** The model takes other sizes too. */
  readonly openSize: boolean;
};

const DTYPES = ['float32', 'uint8', 'int32'] as const;
const SIZE_LIMITS = [16, 4096] as const;

/** Throws `model_invalid`: for a model that takes no picture, or one that cannot be given. */
export function modelInput(graph: OnnxGraph): ModelInput {
  const invalid = (message: string): RuthError => new RuthError('model_invalid', `${graph.path}: ${message}`);
  if (graph.externalData.length > 0) throw invalid(`its weights lie in other files (${graph.externalData.slice(0, 3).join(', ')}); save it as one file (onnx.save_model(..., save_as_external_data=False))`);
  const pictures = graph.inputs.filter(({ shape }) => shape?.length === 4);
  const others = graph.inputs.filter((input) => !pictures.includes(input));
  const unknown = others.find(({ name }) => !SIDE_INPUTS.some((side) => side.name.test(name)));
  const [picture] = pictures;
  if (!picture || pictures.length > 1 || unknown) {
    throw invalid(`takes ${graph.inputs.map(portText).join(', ') || 'nothing'}; one picture of four dimensions is what can be given${unknown ? `, and nothing for ${unknown.name}` : ''}`);
  }
  const [batch, ...rest] = picture.shape!;
  if (typeof batch === 'number' && batch !== 1) throw invalid(`takes ${batch} pictures at once (${portText(picture)}); export it for one, or with an open batch`);
  if (picture.type === 'float16') throw invalid('takes pixels of 16-bit floats; export it with 32-bit inputs (half=False)');
  const dtype = DTYPES.find((known) => known === picture.type);
  if (!dtype) throw invalid(`takes pixels of type ${picture.type}; float32, uint8 and int32 can be given`);
  const layout = rest[0] === 3 ? 'nchw' : rest[2] === 3 ? 'nhwc' : null;
  if (layout === null) throw invalid(`takes ${portText(picture)}; a picture has three channels, as the second or the last dimension`);
  const [height, width] = layout === 'nchw' ? [rest[1], rest[2]] : [rest[0], rest[1]];
  const size = sizeOf(graph, width, height);
  if ([size.width, size.height].some((side) => side < SIZE_LIMITS[0] || side > SIZE_LIMITS[1])) throw invalid(`takes pictures of ${size.width}x${size.height}; ${SIZE_LIMITS.join(' to ')} can be given`);
  return { size, layout, dtype, openSize: typeof width !== 'number' || typeof height !== 'number' };
}

function sizeOf(graph: OnnxGraph, width: number | string | null | undefined, height: number | string | null | undefined): InputFormat['size'] {
  const said = ultralyticsExport(graph);
  const one = typeof width === 'number' ? width : typeof height === 'number' ? height : null;
  // Detectors have outputs of three dimensions, or none that say so; classifiers and embeddings of two.
  const usual = graph.outputs.every(({ shape }) => shape?.length === 2) ? 224 : 640;
  return { width: typeof width === 'number' ? width : said?.width ?? one ?? usual, height: typeof height === 'number' ? height : said?.height ?? one ?? usual };
}

export function portText({ name, type, shape }: OnnxPort): string {
  return `${name} ${type} [${shape?.map((size) => size ?? '?').join(', ') ?? '?'}]`;
}
