// Contract 4, control: the HTTP APIs of kernel and core on their Unix sockets, and what they report.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { Detection, InferMetadata } from './inference.ts';
import { RecordingHealth, RecordingStatus } from './recording.ts';

const Count = Type.Integer({ minimum: 0 });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const LastError = Type.Object({ code: Type.String(), message: Type.String(), at: Type.Number({ description: 'UTC, seconds' }) });
export type LastError = Static<typeof LastError>;

/** Body of every error answer over HTTP. */
export const ErrorBody = Type.Object({
  error: Type.String(), error_code: Type.String(), advice: Type.Optional(Type.String()),
  problems: Type.Optional(Type.Array(Type.Object({ pointer: Type.String({ description: 'JSON pointer into the body of the request, e.g. /scene/zones/0/polygon' }), message: Type.String() }), { description: 'Where several things may be wrong: each, with its place' })),
});
export type ErrorBody = Static<typeof ErrorBody>;

export const PROCESS_STATUSES = ['starting', 'ready', 'degraded', 'stopping'] as const;
export const ProcessHealth = Type.Object({
  process: Type.String(), status: Type.Enum([...PROCESS_STATUSES]), version: Type.String(), pid: Count, uptime_ms: Type.Number({ minimum: 0 }),
  recording: Type.Optional({ ...RecordingHealth, description: 'Of the kernel alone' }),
});
export type ProcessHealth = Static<typeof ProcessHealth>;

// kernel: GET /v1/health, GET /v1/cameras, GET /v1/cameras/:id, PUT|DELETE /v1/leases/:id, WS /v1/cameras/:id/live

export const CAMERA_STATES = ['connecting', 'streaming', 'stalled', 'down'] as const;
/** The stream for models is open only while somebody wants its frames. */
export const DETECT_STATES = [...CAMERA_STATES, 'idle'] as const;
/** `reference`: all pictures but those that no other picture needs. */
export const DECODE_LEVELS = ['none', 'keyframes', 'reference', 'all'] as const;
export type DecodeLevel = (typeof DECODE_LEVELS)[number];

export const CameraStatus = Type.Object({
  camera_id: Type.String(),
  name: Type.String(),
  note: Nullable(Type.String()),
  /** Without credentials. */
  url: Type.String(),
  state: Type.Enum([...CAMERA_STATES]),
  last_error: Nullable(LastError),
  codec: Nullable(Type.String()),
  width: Nullable(Count),
  height: Nullable(Count),
  /** Measured over the last seconds. */
  fps: Nullable(Type.Number({ minimum: 0 })),
  decode_level: Type.Enum([...DECODE_LEVELS]),
  leased_fps: Type.Number({ minimum: 0 }),
  /** Path of the ring while frames are published, else null. */
  frame_reference: Nullable(Type.String()),
  viewers: Count,
  counters: Type.Object({
    packets: Count, keyframes: Count, bytes: Count, decoded: Count, published: Count, reconnects: Count, decode_errors: Count, restarts: Count,
  }),
  /** Frames that were due and were not published, by cause. */
  drops: Type.Record(Type.String(), Count),
  pid: Nullable(Count),
  /** Over the last seconds. */
  bitrate_bps: Nullable(Type.Number({ minimum: 0 })),
  /** Seconds between the last keyframes. */
  keyframe_interval_s: Nullable(Type.Number({ minimum: 0 })),
  /** RTP packets that did not arrive. */
  packets_lost: Count,
  /** Codec of the sound as the camera sends it. */
  audio_codec: Nullable(Type.String()),
  /** What decodes at present: software, or the kind of hardware. */
  decoder: Nullable(Type.String()),
  /** The stream that is decoded, where it is another than the one that is shown. */
  detect: Nullable(Type.Object({ state: Type.Enum([...DETECT_STATES]), width: Nullable(Count), height: Nullable(Count), fps: Nullable(Type.Number()), last_error: Nullable(LastError) })),
  recording: RecordingStatus,
  live: Type.Object({ mse_viewers: Count, webrtc_viewers: Count, rtsp_clients: Count }),
  node: Type.Optional(Type.String({ description: 'Of a site: the node that has it. Where that is away, last_error is node_away, and nothing else is known' })),
});
export type CameraStatus = Static<typeof CameraStatus>;

export const LeaseRequest = Type.Object({
  camera_id: Type.String({ pattern: ID_PATTERN }),
  fps: Type.Number({ exclusiveMinimum: 0, maximum: 240 }),
  ttl_ms: Type.Integer({ minimum: 500, maximum: 60_000 }),
});
export type LeaseRequest = Static<typeof LeaseRequest>;

export const LeaseGrant = Type.Object({
  lease_id: Type.String(), camera_id: Type.String(), fps: Type.Number(), ttl_ms: Type.Integer(),
  /** Where the frames will be; the file is there once the first frame is. */
  frame_reference: Type.String(),
  camera_state: Type.Enum([...CAMERA_STATES]),
});
export type LeaseGrant = Static<typeof LeaseGrant>;

/**
 * First message (text) on a live view, and again whenever the stream begins anew; then binary: the fMP4 init segment, then fragments.
 * Media time 0 of the fMP4 is `pts_origin_us` of the stream: a frame with `pts_us` shows at `(pts_us - pts_origin_us) / 1e6` seconds.
 */
export const LiveInit = Type.Object({
  type: Type.Literal('init'), camera_id: Type.String(),
  /** For MediaSource, e.g. `video/mp4; codecs="avc1.64001f"`. */
  mime: Type.String(),
  width: Count, height: Count, pts_origin_us: Type.Number(),
  /** Changes when the camera's clock begins anew; frames of another epoch are not comparable by pts. */
  epoch: Count,
  /** The node's wall clock at media time 0, seconds UTC: a frame of another epoch shows at `captured_at - wall_origin`. */
  wall_origin: Type.Optional(Type.Number({ description: 'UTC, seconds' })),
});
export type LiveInit = Static<typeof LiveInit>;

/** `detect`: the smaller one, for models; where a camera has none, that means its only one. */
export const LiveStreamName = Type.Enum(['main', 'detect']);
export type LiveStreamName = Static<typeof LiveStreamName>;

/** Query of `WS /v1/cameras/:id/live` and of the server's. */
export const LiveStreamQuery = Type.Object({
  stream: Type.Optional(Type.Enum(['main', 'detect'], { description: '`detect`: the smaller stream, which models look at, where the camera has one (`detect_url`); `main` unless told' })),
}, { additionalProperties: false });
export type LiveStreamQuery = Static<typeof LiveStreamQuery>;

// core: GET /v1/health, /v1/models, /v1/subscriptions, /v1/detections/latest?camera=, SSE /v1/events

/** Why a due frame was not looked at. `busy`: its subscription's own look took too long. `overloaded`: others had their turn, or the container refused. */
export const DROP_CAUSES = ['busy', 'overwritten', 'no_container', 'overloaded', 'deadline', 'error', 'no_regions', 'stopped', 'circuit_open', 'no_motion'] as const;
export type DropCause = (typeof DROP_CAUSES)[number];

/** Of a look, each from the end of the one before it: `published` from the arrival of the frame's packet, then in the order of their names. They add up to the whole. */
export const LOOK_STAGES = ['published', 'due', 'dispatched', 'queued', 'preprocessed', 'inferred', 'answered', 'tracked', 'emitted'] as const;
export type LookStage = (typeof LOOK_STAGES)[number];

const Quantiles = Type.Object({ p50: Type.Number(), p95: Type.Number() });

export const LookStagesMs = Type.Object(Object.fromEntries(LOOK_STAGES.map((stage) => [stage, Quantiles])) as Record<LookStage, typeof Quantiles>);
export type LookStagesMs = Static<typeof LookStagesMs>;

/** Why there are fewer looks than desired. */
export const Shortfall = Type.Object({
  cause: Type.Enum([...DROP_CAUSES, 'failed', 'too_few_frames'], { description: 'What cost most' }),
  fps: Type.Number({ minimum: 0, description: 'Looks a second that it cost' }), message: Type.String(),
});
export type Shortfall = Static<typeof Shortfall>;

/** How core asks a model. */
export const ModelDispatch = Type.Object({
  places: Type.Integer({ minimum: 0, description: 'Requests that are in flight at most; 0 while the model is down' }),
  in_flight: Count, waiting: Type.Integer({ minimum: 0, description: 'Subscriptions whose turn has not come' }),
  circuit: Type.Enum(['closed', 'open', 'half_open'], { description: 'open: it failed many times in a row and is not asked; half_open: one look is on trial' }),
});
export type ModelDispatch = Static<typeof ModelDispatch>;

export const ModelStatus = Type.Object({
  model_id: Type.String(), model_name: Nullable(Type.String()), state: Type.Enum(['up', 'down']),
  supported_tasks: Type.Array(Type.String()), classes: Type.Array(Type.String()), keypoint_names: Type.Array(Type.String()),
  skeleton: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()])),
  device: Nullable(Type.String()), license: Nullable(Type.String()), last_error: Nullable(LastError),
  dispatch: Type.Optional(ModelDispatch),
});
export type ModelStatus = Static<typeof ModelStatus>;

export const SubscriptionStatus = Type.Object({
  camera_id: Type.String(), model_id: Type.String(), state: Type.Enum(['created', 'running', 'paused', 'stopped']),
  desired_fps: Type.Number(), achieved_fps: Type.Number(),
  /** due = sent + the sum of drops. */
  due: Count, sent: Count, answered: Count, failed: Count, drops: Type.Partial(Type.Record(Type.Enum([...DROP_CAUSES]), Count)),
  /** Capture to answer of the last looks, milliseconds. */
  latency_ms: Nullable(Quantiles),
  last_error: Nullable(LastError),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  not_due: Type.Optional(Type.Integer({ minimum: 0, description: 'Frames that were not its turn; no part of due' })),
  /** Where the time of the last looks went. */
  stages_ms: Type.Optional(Nullable(LookStagesMs)),
  /** Over the last seconds; null where there are nearly as many looks as desired. */
  shortfall: Type.Optional(Nullable(Shortfall)),
  identities_kept: Type.Optional(Type.Integer({ minimum: 0, description: 'Of a subscription with regions.appearance: tracks that were known again by what they look like' })),
});
export type SubscriptionStatus = Static<typeof SubscriptionStatus>;

/** The newest look of a model at a camera. `error` set: it could not look, which is not "saw nothing". */
export const Look = Type.Object({
  camera_id: Type.String(), model_id: Type.String(), frame_id: Count, captured_at: Type.Number({ description: 'UTC, seconds' }),
  pts_us: Type.Number(), epoch: Count, width: Count, height: Count,
  detections: Type.Array(Detection), metadata: Type.Partial(InferMetadata),
  error: Nullable(Type.String()), error_code: Nullable(Type.String()),
});
export type Look = Static<typeof Look>;
