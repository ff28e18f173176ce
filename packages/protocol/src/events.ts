// Contract 4, events: an ordered stream with ids from core, over server-sent events (`Last-Event-ID` resumes).
import Type, { type Static } from 'typebox';
import { Look } from './control.ts';
import { eventEnvelope as envelope } from './event-envelope.ts';
import { RecordingGap, StorageStatus } from './recording.ts';
import { SCENE_EVENTS } from './scene-events.ts';
import { TrackEvent } from './track-events.ts';

const Count = Type.Integer({ minimum: 0 });

export const DetectionEvent = Type.Object({ ...envelope, type: Type.Literal('detection'), look: Look });
export const ModelEvent = Type.Object({ ...envelope, type: Type.Enum(['model.up', 'model.down']), model_id: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) });
export const CameraEvent = Type.Object({ ...envelope, type: Type.Enum(['camera.up', 'camera.down']), camera_id: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) });

/** From the kernel: a time that is not recorded began (`end` null) or ended. */
export const RecordingGapEvent = Type.Object({ ...envelope, type: Type.Literal('recording.gap'), camera_id: Type.String(), gap: RecordingGap });
/** From the kernel: the disk is (no longer) full, deleted early, or fails. */
export const StorageEvent = Type.Object({ ...envelope, type: Type.Literal('recording.storage'), state: StorageStatus.properties.state, message: Type.String() });

/** The consumer asked for events after `asked_after` but the buffer begins at `oldest`: what lies between is lost to it. */
export const GapEvent = Type.Object({ ...envelope, type: Type.Literal('gap'), asked_after: Count, oldest: Count });

export const CoreEvent = Type.Union([DetectionEvent, ModelEvent, CameraEvent, TrackEvent, ...SCENE_EVENTS, GapEvent]);
export type CoreEvent = Static<typeof CoreEvent>;
/** The kernel's own stream, GET /v1/events on its socket: told also while core is away. */
export const KernelEvent = Type.Union([RecordingGapEvent, StorageEvent, GapEvent]);
export type KernelEvent = Static<typeof KernelEvent>;
export type RecordingGapEvent = Static<typeof RecordingGapEvent>;
export type StorageEvent = Static<typeof StorageEvent>;
export type DetectionEvent = Static<typeof DetectionEvent>;
export type ModelEvent = Static<typeof ModelEvent>;
export type CameraEvent = Static<typeof CameraEvent>;
export type GapEvent = Static<typeof GapEvent>;
