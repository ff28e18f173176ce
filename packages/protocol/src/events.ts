// Contract 4, events: an ordered stream with ids from core, over server-sent events (`Last-Event-ID` resumes).
import Type, { type Static } from 'typebox';
import { Look } from './control.ts';

export const EVENT_VERSION = 1;
const Count = Type.Integer({ minimum: 0 });

const envelope = { id: Count, version: Type.Literal(EVENT_VERSION), at: Type.Number({ description: 'UTC, seconds, when core emitted it' }) };

export const DetectionEvent = Type.Object({ ...envelope, type: Type.Literal('detection'), look: Look });
export const ModelEvent = Type.Object({ ...envelope, type: Type.Enum(['model.up', 'model.down']), model_id: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) });
export const CameraEvent = Type.Object({ ...envelope, type: Type.Enum(['camera.up', 'camera.down']), camera_id: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) });
/** The consumer asked for events after `asked_after` but the buffer begins at `oldest`: what lies between is lost to it. */
export const GapEvent = Type.Object({ ...envelope, type: Type.Literal('gap'), asked_after: Count, oldest: Count });

export const CoreEvent = Type.Union([DetectionEvent, ModelEvent, CameraEvent, GapEvent]);
export type CoreEvent = Static<typeof CoreEvent>;
export type DetectionEvent = Static<typeof DetectionEvent>;
export type ModelEvent = Static<typeof ModelEvent>;
export type CameraEvent = Static<typeof CameraEvent>;
export type GapEvent = Static<typeof GapEvent>;
