// Contract 3: `models/<model_id>/model.yaml`. Every key is checked at load.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { parseYaml } from './yaml-document.ts';

const strict = { additionalProperties: false } as const;
const Unit = Type.Number({ minimum: 0, maximum: 1 });

export const OUTPUT_FORMATS = ['yolov8', 'yolov8-pose', 'yolov5', 'yolox', 'ssd', 'movenet', 'yunet', 'classification', 'custom'] as const;
export const TASKS = ['detect', 'pose', 'classify', 'segment', 'embed', 'custom'] as const;

export const Manifest = Type.Object({
  model_id: Type.String({ pattern: ID_PATTERN }),
  model_name: Type.String({ minLength: 1, maxLength: 200 }),
  model_version: Type.String({ minLength: 1, maxLength: 64 }),
  supported_tasks: Type.Array(Type.Enum([...TASKS]), { minItems: 1 }),
  model_type: Type.Enum(['onnx']),
  model_weights: Type.String({ minLength: 1, maxLength: 255, description: 'Path inside the model folder' }),
  source: Type.Optional(Type.Union([
    Type.Object({
      package: Type.String({ description: 'npm package' }), file: Type.String({ description: 'file inside the package' }),
      converter: Type.Optional(Type.Enum(['tfjs'])),
    }, strict),
    Type.Object({ url: Type.String({ pattern: '^https://' }) }, strict),
  ])),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  output_schema: Type.Object({
    format: Type.Enum([...OUTPUT_FORMATS]),
    classes: Type.Optional(Type.Array(Type.String())),
    class_names_file: Type.Optional(Type.String()),
    keypoint_names: Type.Optional(Type.Array(Type.String())),
    skeleton: Type.Optional(Type.Array(Type.Tuple([Type.String(), Type.String()]), { description: 'Pairs of keypoint names that are joined by a line' })),
    output: Type.Optional(Type.String({ description: 'Name of the output tensor to read, where there are several' })),
    box_order: Type.Optional(Type.Enum(['xyxy', 'yxyx'], { description: 'ssd: order of box coordinates; xyxy unless told' })),
    normalized_boxes: Type.Optional(Type.Boolean({ description: 'ssd: boxes are 0..1 of the input, not pixels' })),
  }, strict),
  input_format: Type.Optional(Type.Object({
    layout: Type.Optional(Type.Enum(['nchw', 'nhwc'])),
    channels: Type.Optional(Type.Enum(['rgb', 'bgr'])),
    dtype: Type.Optional(Type.Enum(['float32', 'uint8', 'int32'])),
  }, strict)),
  expected_resolution: Type.Object({ width: Type.Integer({ minimum: 16, maximum: 4096 }), height: Type.Integer({ minimum: 16, maximum: 4096 }) }, strict),
  normalization: Type.Optional(Type.Object({
    mean: Type.Optional(Type.Tuple([Type.Number(), Type.Number(), Type.Number()])),
    std: Type.Optional(Type.Tuple([Type.Number(), Type.Number(), Type.Number()])),
  }, strict)),
  letterbox: Type.Optional(Type.Object({
    mode: Type.Optional(Type.Enum(['center', 'top-left', 'stretch'])),
    fill: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  }, strict)),
  confidence_threshold: Type.Optional(Unit),
  nms_iou_threshold: Type.Optional(Unit),
  max_detections: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  resource_requirements: Type.Optional(Type.Object({
    device: Type.Optional(Type.Enum(['auto', 'cpu', 'cuda', 'webgpu'])),
    gpu_required: Type.Optional(Type.Boolean()),
    cpu_fallback_allowed: Type.Optional(Type.Boolean()),
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
    sessions: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Sessions side by side; as many as cores, over threads, unless told' })),
    max_batch: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
    max_batch_delay_ms: Type.Optional(Type.Number({ minimum: 0, maximum: 1000 })),
  }, strict)),
  description: Type.Optional(Type.String()),
  author: Type.Optional(Type.String()),
  license: Type.Optional(Type.String()),
}, strict);
export type Manifest = Static<typeof Manifest>;

/** Parses `model.yaml`. Throws `invalid_manifest` naming file, line, key and what would be right. */
export function parseManifest(text: string, file: string): Manifest {
  const document = parseYaml(Manifest, text, file, 'invalid_manifest');
  const manifest = document.value;
  for (const [path, value] of [[['model_weights'], manifest.model_weights], [['output_schema', 'class_names_file'], manifest.output_schema.class_names_file]] as const) {
    if (value === undefined) continue;
    if (value.startsWith('/') || value.split('/').includes('..')) throw document.errorAt(path, `${JSON.stringify(value)} leaves the model folder; give a path inside it`);
  }
  if (manifest.source && !manifest.sha256) throw document.errorAt(['source'], 'needs sha256 of the weights beside it');
  if (manifest.output_schema.classes && manifest.output_schema.class_names_file) {
    throw document.errorAt(['output_schema', 'class_names_file'], 'stands beside classes; give one of the two');
  }
  const names = manifest.output_schema.keypoint_names ?? [];
  for (const [index, pair] of (manifest.output_schema.skeleton ?? []).entries()) {
    const unknown = pair.find((name) => !names.includes(name));
    if (unknown !== undefined) throw document.errorAt(['output_schema', 'skeleton', index], `${JSON.stringify(unknown)} is no keypoint name; known: ${names.join(', ')}`);
  }
  return manifest;
}
