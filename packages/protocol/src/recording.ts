// Contract 4, recordings: what the kernel says of what it recorded. Every time is the node's wall clock, seconds UTC.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const RECORDING_STATES = ['off', 'waiting', 'recording', 'paused'] as const;
/** Why a time was not recorded. `clock`: the node's clock was set forward. */
export const GAP_CAUSES = ['camera_down', 'camera_stalled', 'disk_full', 'disk_slow', 'disk_error', 'process_died', 'stopped', 'clock', 'damaged', 'unknown'] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

export const RecordingStatus = Type.Object({
  /** `off`: not wanted. `waiting`: wanted, no picture comes. `paused`: pictures come and cannot be written; `cause` says why. */
  state: Type.Enum([...RECORDING_STATES]),
  cause: Nullable(Type.Enum([...GAP_CAUSES])),
  bytes_written: Count,
  segments: Count,
  /** Pictures that were to be recorded and are not, by cause. */
  drops: Type.Record(Type.String(), Count),
});
export type RecordingStatus = Static<typeof RecordingStatus>;

export const RecordedSpan = Type.Object({ start: Time, end: Time, kept: Type.Boolean({ description: 'Never deleted by age or size' }), bytes: Count });
export type RecordedSpan = Static<typeof RecordedSpan>;

export const RecordingGap = Type.Object({ start: Time, end: Nullable(Time), cause: Type.Enum([...GAP_CAUSES]), message: Nullable(Type.String()) });
export type RecordingGap = Static<typeof RecordingGap>;

/** GET /v1/cameras/:id/timeline?start=&end= : what of that span is recorded, and why the rest is not. */
export const Timeline = Type.Object({
  camera_id: Type.String({ pattern: ID_PATTERN }), start: Time, end: Time,
  spans: Type.Array(RecordedSpan), gaps: Type.Array(RecordingGap),
  /** Of the whole camera. */
  oldest: Nullable(Time), newest: Nullable(Time),
});
export type Timeline = Static<typeof Timeline>;

export const EXPORT_STATES = ['running', 'done', 'failed', 'cancelled'] as const;
/** POST /v1/exports, GET|DELETE /v1/exports/:id, GET /v1/exports/:id/file */
export const ExportRequest = Type.Object({
  camera_id: Type.String({ pattern: ID_PATTERN }), start: Time, end: Time,
}, { additionalProperties: false });
export type ExportRequest = Static<typeof ExportRequest>;

/** POST /v1/clips: an export around an instant. What of it lies in the future is waited for. */
export const ClipRequest = Type.Object({
  camera_id: Type.String({ pattern: ID_PATTERN }), at: Time,
  pre_s: Type.Number({ minimum: 0, maximum: 3600, description: 'Seconds before' }),
  post_s: Type.Number({ minimum: 0, maximum: 600, description: 'Seconds after' }),
}, { additionalProperties: false });
export type ClipRequest = Static<typeof ClipRequest>;

export const ExportStatus = Type.Object({
  export_id: Type.String(), camera_id: Type.String(), start: Time, end: Time,
  state: Type.Enum([...EXPORT_STATES]), progress: Type.Number({ minimum: 0, maximum: 1 }), bytes: Count,
  /** Where the span has none, the video goes on with what follows. */
  gaps: Type.Array(RecordingGap), error: Nullable(Type.String()),
});
export type ExportStatus = Static<typeof ExportStatus>;

/** GET /v1/cameras/:id/keyframes?at= : where a player can begin, nearest to an instant. */
export const Keyframes = Type.Object({
  camera_id: Type.String(), at: Time,
  /** At the instant or before it; null where there is none within a day. */
  before: Nullable(Time),
  after: Nullable(Time),
});
export type Keyframes = Static<typeof Keyframes>;

/** PUT /v1/cameras/:id/kept, DELETE likewise: what is in the span is (no longer) safe from deletion. */
export const KeepRequest = Type.Object({ start: Time, end: Time }, { additionalProperties: false });
export type KeepRequest = Static<typeof KeepRequest>;

/** GET /v1/storage */
export const StorageStatus = Type.Object({
  directory: Nullable(Type.String()), bytes: Count, segments: Count, free_bytes: Nullable(Count), total_bytes: Nullable(Count),
  state: Type.Enum(['off', 'ok', 'nearly_full', 'full', 'failing']), message: Nullable(Type.String()),
  /** What the kernel found and did when it started. */
  repaired: Nullable(Type.Record(Type.String(), Count)),
});
export type StorageStatus = Static<typeof StorageStatus>;
