// Contract 1: what core and a model container say to one another. Wire names are snake_case and change only by version.
import Type, { type Static } from 'typebox';
import { INFERENCE_ERROR_CODES } from './errors.ts';
import { ID_PATTERN } from './ids.ts';

const Unit = Type.Number({ minimum: 0, maximum: 1 });
const unit = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });
const Id = Type.String({ pattern: ID_PATTERN });

/** `[x_min, y_min, x_max, y_max]`, 0..1 of the whole frame, origin top left. */
export const Box = Type.Tuple([Unit, Unit, Unit, Unit]);
export type Box = Static<typeof Box>;

export const FrameMetadata = Type.Object({
  frame_id: Type.Integer({ minimum: 0 }),
  width: Type.Optional(Type.Integer({ minimum: 1, maximum: 16384 })),
  height: Type.Optional(Type.Integer({ minimum: 1, maximum: 16384 })),
  format: Type.Optional(Type.String({ maxLength: 32 })),
  timestamp: Type.Optional(Type.Number()),
});
export type FrameMetadata = Static<typeof FrameMetadata>;

export const InferConfig = Type.Object({
  confidence_threshold: Type.Optional(unit('Detections less sure than this are left out')),
  iou_threshold: Type.Optional(unit('Of two boxes of one class that overlap more than this, the surer one stays')),
  classes: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 1024, description: 'Only these classes' })),
  max_detections: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'At most so many, the surest first' })),
  roi: Type.Optional(Type.Tuple([Unit, Unit, Unit, Unit], { description: 'Look only here: x_min, y_min, x_max, y_max, 0..1 of the whole frame' })),
  deadline_ms: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 600_000, description: 'After so many milliseconds nobody wants the answer' })),
}, { description: 'What to look for; the defaults are those of the model' });
export type InferConfig = Static<typeof InferConfig>;

export const InferRequest = Type.Object({
  type: Type.Optional(Type.Literal('infer')),
  frame_reference: Type.String({ minLength: 1, maxLength: 4096 }),
  frame_metadata: FrameMetadata,
  camera_id: Id,
  model_id: Id,
  timestamp: Type.Optional(Type.Number()),
  config: Type.Optional(InferConfig),
});
export type InferRequest = Static<typeof InferRequest>;

/** `[x, y, score]`, x and y 0..1 of the whole frame. */
export const Keypoint = Type.Tuple([Type.Number(), Type.Number(), Unit]);
export type Keypoint = Static<typeof Keypoint>;

export const Detection = Type.Object({
  class_id: Type.Integer({ minimum: 0 }),
  class_name: Type.String(),
  confidence: Unit,
  bbox: Box,
  keypoints: Type.Optional(Type.Array(Keypoint)),
  track_id: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  of_track: Type.Optional(Type.Integer({ minimum: 1, description: 'Track of the model that was followed, in whose region this was found; told by core' })),
  embedding: Type.Optional(Type.Array(Type.Number())),
  mask: Type.Optional(Type.Unknown()),
  attributes: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type Detection = Static<typeof Detection>;

export const InferMetadata = Type.Object({
  inference_time_ms: Type.Number({ minimum: 0 }),
  queue_ms: Type.Optional(Type.Number({ minimum: 0 })),
  preprocess_ms: Type.Optional(Type.Number({ minimum: 0 })),
  postprocess_ms: Type.Optional(Type.Number({ minimum: 0 })),
  batch_size: Type.Optional(Type.Integer({ minimum: 1 })),
  device: Type.Optional(Type.String()),
});
export type InferMetadata = Static<typeof InferMetadata>;

export const InferResponse = Type.Object({
  model_id: Type.String(),
  /** Null where the request was too broken to name one. */
  camera_id: Type.Union([Type.String(), Type.Null()]),
  frame_id: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  detections: Type.Array(Detection, { maxItems: 10_000 }),
  metadata: Type.Partial(InferMetadata),
  error: Type.Union([Type.String(), Type.Null()]),
  error_code: Type.Optional(Type.Enum([...INFERENCE_ERROR_CODES])),
});
export type InferResponse = Static<typeof InferResponse>;

export const DescribeRequest = Type.Object({ type: Type.Literal('describe') });
export const HealthRequest = Type.Object({ type: Type.Literal('health') });

export const DescribeResponse = Type.Object({
  model_id: Type.String(),
  model_name: Type.String(),
  model_version: Type.String(),
  supported_tasks: Type.Array(Type.String()),
  classes: Type.Array(Type.String()),
  keypoint_names: Type.Array(Type.String()),
  /** Pairs of indices into `keypoint_names` that are joined by a line. */
  skeleton: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()])),
  input: Type.Object({ width: Type.Integer(), height: Type.Integer() }),
  device: Type.String(),
  device_choice: Type.Optional(Type.Object({
    asked: Type.String({ description: 'resource_requirements.device of the manifest, or auto' }), reason: Type.String({ description: 'Why it runs on `device`' }),
  })),
  versions: Type.Record(Type.String(), Type.String()),
  limits: Type.Object({ max_concurrency: Type.Integer(), max_batch: Type.Integer() }),
  confidence_threshold: Type.Optional(unit('What it leaves out where a request does not say: detections less sure than this')),
  description: Type.Optional(Type.String()),
  author: Type.Optional(Type.String()),
  license: Type.Optional(Type.String()),
});
export type DescribeResponse = Static<typeof DescribeResponse>;

export const HealthResponse = Type.Object({
  model_id: Type.String(),
  status: Type.Enum(['starting', 'ready', 'degraded', 'stopping']),
  /** Milliseconds since a canary inference last succeeded; null before the first. */
  last_canary_age_ms: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  uptime_ms: Type.Number({ minimum: 0 }),
  counters: Type.Record(Type.String(), Type.Number()),
});
export type HealthResponse = Static<typeof HealthResponse>;
