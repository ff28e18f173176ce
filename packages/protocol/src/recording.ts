// Contract 4, recordings: what the kernel says of what it recorded. Every time is the node's wall clock, seconds UTC.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const RECORDING_STATES = ['off', 'waiting', 'recording', 'paused'] as const;
/** Why a time was not recorded. `clock`: the node's clock was set forward. `machine_off`: it was without power, or started anew, while Ruth ran. */
export const GAP_CAUSES = ['camera_down', 'camera_stalled', 'disk_full', 'disk_slow', 'disk_error', 'process_died', 'machine_off', 'stopped', 'clock', 'damaged', 'unknown'] as const;
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

export const RecordedSpan = Type.Object({
  start: Time, end: Time, kept: Type.Boolean({ description: 'Never deleted by age or size' }), bytes: Count,
  node: Type.Optional(Type.String({ description: 'Of a camera that several nodes of a site recorded: which one has it' })),
});
export type RecordedSpan = Static<typeof RecordedSpan>;

export const RecordingGap = Type.Object({ start: Time, end: Nullable(Time), cause: Type.Enum([...GAP_CAUSES]), message: Nullable(Type.String()) });
export type RecordingGap = Static<typeof RecordingGap>;

/** A node that has recordings of the camera and could not be asked. `since`: UTC, seconds; null where that is not known. */
export const TimelineAway = Type.Object({ node: Type.String(), since: Nullable(Time), error: Type.String() });
export type TimelineAway = Static<typeof TimelineAway>;

/** GET /v1/cameras/:id/timeline?start=&end= : what of that span is recorded, and why the rest is not. */
export const Timeline = Type.Object({
  camera_id: Type.String({ pattern: ID_PATTERN }), start: Time, end: Time,
  spans: Type.Array(RecordedSpan), gaps: Type.Array(RecordingGap),
  /** Of the whole camera. */
  oldest: Nullable(Time), newest: Nullable(Time),
  away: Type.Optional(Type.Array(TimelineAway, { description: 'What of the span lies there cannot be told now' })),
});
export type Timeline = Static<typeof Timeline>;

export const MOST_INSTANTS = 500;
/** Whether the recording of an instant is (still) there. `unknown`: it could not be looked at, or is being written just now. */
export const RecordedAt = Type.Union([Type.Boolean(), Type.Literal('unknown')]);
export type RecordedAt = Static<typeof RecordedAt>;
/** POST /v1/recorded: instants of cameras, 500 in all. */
export const RecordedQuery = Type.Object({
  cameras: Type.Record(Type.String({ pattern: ID_PATTERN }), Type.Array(Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC, seconds' }), { minItems: 1, maxItems: MOST_INSTANTS }), { additionalProperties: false, maxProperties: MOST_INSTANTS }),
}, { additionalProperties: false });
export type RecordedQuery = Static<typeof RecordedQuery>;
/** Of each instant, in the order in which they were asked for. */
export const RecordedAnswer = Type.Object({ cameras: Type.Record(Type.String(), Type.Array(RecordedAt)) });
export type RecordedAnswer = Static<typeof RecordedAnswer>;

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

/** GET /v1/kept?after=<file> : whole files that are kept, in the order of their names, for who copies them elsewhere. */
export const KeptFile = Type.Object({
  file: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}/\\d{4}-\\d\\d-\\d\\d/\\d\\d/\\d{10,16}\\.mp4$', description: '<camera>/<YYYY-MM-DD>/<HH>/<start, ms UTC>.mp4' }),
  camera_id: Type.String({ pattern: ID_PATTERN }), start: Time, end: Time, bytes: Count, sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});
export type KeptFile = Static<typeof KeptFile>;
export const KeptFiles = Type.Array(KeptFile);

/** GET /v1/storage */
/** What a node of a site recorded while it had no lease, and nobody has decided about: it is in no index. */
export const UnclaimedFiles = Type.Object({ cameras: Count, files: Count, bytes: Count, since: Time });
export type UnclaimedFiles = Static<typeof UnclaimedFiles>;

/** How it is with the disk of the recordings. `full`, `failing`: cameras are not recorded for it. */
export const STORAGE_STATES = ['off', 'ok', 'nearly_full', 'full', 'failing'] as const;

/** Part of the kernel's health: told from memory, whatever the disk does. `since`: when it came to be so, UTC, seconds. */
export const RecordingHealth = Type.Object({ state: Type.Enum([...STORAGE_STATES]), message: Nullable(Type.String()), since: Nullable(Time) });
export type RecordingHealth = Static<typeof RecordingHealth>;

export const StorageStatus = Type.Object({
  directory: Nullable(Type.String()), bytes: Count, segments: Count, free_bytes: Nullable(Count), total_bytes: Nullable(Count),
  state: Type.Enum([...STORAGE_STATES]), message: Nullable(Type.String()),
  /** What the kernel found and did when it started. */
  repaired: Nullable(Type.Record(Type.String(), Count)),
  unclaimed: Type.Optional({ ...UnclaimedFiles, description: 'Recorded aside, in no index; counts for the size that recordings may have. Absent where there is none' }),
  unclaimed_deleted: Type.Optional(Type.Object({
    bytes: Count, age: Count, size: Count, room: Count,
  }, { description: 'Of what was recorded aside and nobody had decided about, what was deleted since the kernel started: bytes, and files by why: too old; more than recordings may take; no room on the disk. Absent where there was none' })),
});
export type StorageStatus = Static<typeof StorageStatus>;

/** What can be wrong with a recording, each with what to do about it. Repair needs the folder: the node is stopped for it. */
export const RECORDING_FINDINGS = {
  missing: 'A file that the index names is gone: something else than Ruth deleted it, or the disk lost it. "ruth verify --repair" takes it out of the index; a backup may have it.',
  extra: 'A file lies there that the index does not name, as after a copy: "ruth verify --repair", or the next start of the kernel, takes it in.',
  truncated: 'A file is shorter than it was: check the disk. "ruth verify --repair" keeps what is whole of it.',
  wrong_hash: 'A file is not what was recorded: check the disk, and who may write to the folder. "ruth verify --repair" takes the file as it is.',
  wrong_duration: 'The index tells another length than the file has: "ruth verify --repair" reads it from the file.',
  unplayable: 'A file does not play: check the disk. "ruth verify --repair" moves it to the folder "damaged" and notes a gap.',
  overlaps: 'A file begins before the one before it ends: the clock of the machine may have been set back. Both can be played.',
} as const;
export type RecordingFindingKind = keyof typeof RECORDING_FINDINGS;
const FindingKind = Type.Enum(Object.keys(RECORDING_FINDINGS) as RecordingFindingKind[]);

/** POST /v1/verifications: every recording is compared with the index, byte by byte. Nothing is changed, and recording goes on. */
export const VerificationRequest = Type.Object({
  cameras: Type.Optional(Type.Array(Type.String({ pattern: ID_PATTERN }), { minItems: 1, maxItems: 1024, uniqueItems: true, description: 'All that may be seen unless told' })),
  decode: Type.Optional(Type.Boolean({ description: 'Every picture is decoded too, which takes many times as long' })),
}, { additionalProperties: false });
export type VerificationRequest = Static<typeof VerificationRequest>;

export const RecordingFinding = Type.Object({ kind: FindingKind, file: Type.String(), start: Nullable(Type.Number({ description: 'Of the file; UTC, seconds' })), message: Type.String() });
export type RecordingFinding = Static<typeof RecordingFinding>;

export const CameraVerification = Type.Object({
  camera_id: Type.String(), files: Count, bytes: Count, open: Type.Integer({ minimum: 0, description: 'Being written: they are not looked into' }),
  counts: Type.Record(Type.String(), Count, { description: 'By kind; 0 of all where everything is as it should be' }),
  findings: Type.Array(RecordingFinding, { description: 'The first hundred' }),
  advice: Type.Array(Type.String(), { description: 'What to do, for each kind that was found' }),
});
export type CameraVerification = Static<typeof CameraVerification>;

export const VERIFICATION_STATES = ['running', 'done', 'failed', 'cancelled'] as const;
/** GET /v1/verifications, GET|DELETE /v1/verifications/:id */
export const Verification = Type.Object({
  verification_id: Type.String(), cameras: Nullable(Type.Array(Type.String(), { description: 'null: of all that recorded' })), decode: Type.Boolean(),
  state: Type.Enum([...VERIFICATION_STATES]), began_at: Time, ended_at: Nullable(Time),
  files_done: Count, files: Type.Integer({ minimum: 0, description: '0 until they are counted' }),
  results: Type.Array(CameraVerification, { description: 'Of each camera that is through' }),
  error: Nullable(Type.String()), error_code: Nullable(Type.String()),
});
export type Verification = Static<typeof Verification>;
