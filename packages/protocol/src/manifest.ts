// Contract 3: `models/<model_id>/model.yaml`. Every key is checked at load.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const strict = { additionalProperties: false } as const;
const unit = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

export const OUTPUT_FORMATS = ['yolov8', 'yolov8-pose', 'yolov5', 'yolox', 'ssd', 'detr', 'movenet', 'yunet', 'classification', 'embedding', 'custom'] as const;
export const TASKS = ['detect', 'pose', 'classify', 'segment', 'embed', 'custom'] as const;

export const Manifest = Type.Object({
  model_id: Type.String({ pattern: ID_PATTERN, description: 'Name of the model in paths and messages; the name of its folder' }),
  model_name: Type.String({ minLength: 1, maxLength: 200, description: 'For people' }),
  model_version: Type.String({ minLength: 1, maxLength: 64, description: 'Of the weights; in quotes where it looks like a number' }),
  supported_tasks: Type.Array(Type.Enum([...TASKS]), { minItems: 1, description: 'What the model can do' }),
  model_type: Type.Enum(['onnx', 'remote', 'custom'], { description: 'onnx: runs here; remote: on a server of the Open Inference Protocol; custom: a module that says defineModel({ load, infer }). Other kinds run in a container of their own' }),
  model_weights: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'Path inside the model folder: of the ONNX file, or of the module of a custom model' })),
  remote: Type.Optional(Type.Object({
    url: Type.String({ pattern: '^(https?|grpcs?)://[^/?#@\\s]+/?$', maxLength: 300, description: 'Of the server: http://host:8000, https://, grpc://host:8001 or grpcs://' }),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Its name there; model_id unless told' })),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Of the model there, in quotes; what the server chooses unless told' })),
    timeout_ms: Type.Optional(Type.Integer({ minimum: 10, maximum: 60_000, description: 'For each answer of the server; 2000 unless told' })),
    fallback: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'An ONNX file in the folder that looks while the server is away or too slow: the same model, or one of the same inputs, outputs and classes. None unless told: then looks fail' })),
  }, { ...strict, description: 'remote: the server that runs the model, over the Open Inference Protocol (v2)' })),
  source: Type.Optional(Type.Union([
    Type.Object({
      package: Type.String({ description: 'npm package' }), file: Type.String({ description: 'File inside the package' }),
      converter: Type.Optional(Type.Enum(['tfjs'], { description: 'What the file must be converted from' })),
    }, strict),
    Type.Object({ url: Type.String({ pattern: '^https://', description: 'Address of the weights: https://' }) }, strict),
  ], { description: 'Whence set-up gets the weights; needs sha256' })),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: '64 digits and letters a to f, of the weights; always checked where given' })),
  output_schema: Type.Object({
    format: Type.Enum([...OUTPUT_FORMATS], { description: 'How the output tensors are read' }),
    classes: Type.Optional(Type.Array(Type.String(), { description: 'Names in the order of the class ids' })),
    class_names_file: Type.Optional(Type.String({ description: 'Instead of classes: a file in the model folder, one name a line' })),
    keypoint_names: Type.Optional(Type.Array(Type.String(), { description: 'In the order of the output' })),
    skeleton: Type.Optional(Type.Array(Type.Tuple([Type.String(), Type.String()]), { description: 'Pairs of keypoint names that are joined by a line' })),
    output: Type.Optional(Type.String({ description: 'Name of the output tensor to read, where there are several' })),
    activation: Type.Optional(Type.Enum(['none', 'sigmoid', 'softmax'], { description: 'detr: what makes scores of the class outputs; of softmax the last class is "nothing". none for one tensor, sigmoid for two, unless told' })),
    box_order: Type.Optional(Type.Enum(['xyxy', 'yxyx'], { description: 'ssd: order of box coordinates; xyxy unless told' })),
    normalized_boxes: Type.Optional(Type.Boolean({ description: 'ssd: boxes are 0..1 of the input, not pixels' })),
  }, { ...strict, description: 'What comes out of the model' }),
  input_format: Type.Optional(Type.Object({
    layout: Type.Optional(Type.Enum(['nchw', 'nhwc'], { description: 'Planes after one another, or pixels; as the shape of the input says unless told' })),
    channels: Type.Optional(Type.Enum(['rgb', 'bgr'], { description: 'rgb unless told' })),
    dtype: Type.Optional(Type.Enum(['float32', 'uint8', 'int32'], { description: 'float32 unless told' })),
  }, { ...strict, description: 'How pixels lie in the input tensor' })),
  expected_resolution: Type.Object({
    width: Type.Integer({ minimum: 16, maximum: 4096, description: 'Pixels' }), height: Type.Integer({ minimum: 16, maximum: 4096, description: 'Pixels' }),
  }, { ...strict, description: 'Of the input tensor' }),
  normalization: Type.Optional(Type.Object({
    mean: Type.Optional(Type.Tuple([Type.Number(), Type.Number(), Type.Number()], { description: 'Taken from each channel' })),
    std: Type.Optional(Type.Tuple([Type.Number(), Type.Number(), Type.Number()], { description: 'Each channel is divided by it' })),
  }, { ...strict, description: 'Of pixel values 0..255, per channel' })),
  letterbox: Type.Optional(Type.Object({
    mode: Type.Optional(Type.Enum(['center', 'top-left', 'stretch'], { description: 'Where the picture lies in the tensor; center unless told' })),
    fill: Type.Optional(Type.Integer({ minimum: 0, maximum: 255, description: 'Grey beside the picture; 114 unless told' })),
  }, { ...strict, description: 'How a frame of another shape is fitted in' })),
  confidence_threshold: Type.Optional(unit('Detections less sure than this are left out')),
  nms_iou_threshold: Type.Optional(unit('Of two boxes of one class that overlap more than this, the surer one stays')),
  max_detections: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'At most so many, the surest first' })),
  resource_requirements: Type.Optional(Type.Object({
    device: Type.Optional(Type.Enum(['auto', 'cpu', 'cuda', 'webgpu'], { description: 'Where it runs; auto unless told' })),
    gpu_required: Type.Optional(Type.Boolean({ description: 'Do not start without one' })),
    cpu_fallback_allowed: Type.Optional(Type.Boolean({ description: 'Whether the CPU may stand in for a device that is not there' })),
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, description: 'Of each session' })),
    sessions: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Sessions side by side; as many as cores, over threads, unless told' })),
    memory_mb: Type.Optional(Type.Integer({ minimum: 64, maximum: 1_048_576, description: 'Memory of its own, MiB, that the process may come to; one that has more is replaced, its successor ready first' })),
    max_batch: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description: 'Most frames in one inference' })),
    max_batch_delay_ms: Type.Optional(Type.Number({ minimum: 0, maximum: 1000, description: 'How long a frame may wait for others' })),
  }, { ...strict, description: 'What the model needs' })),
  description: Type.Optional(Type.String({ description: 'Shown wherever the model is shown' })),
  author: Type.Optional(Type.String({ description: 'Shown wherever the model is shown' })),
  license: Type.Optional(Type.String({ description: 'Of the weights; shown wherever the model is shown' })),
}, strict);
export type Manifest = Static<typeof Manifest>;
