// What a process of core is told that understands a recorded clip as it would understand a camera: a task, then frames or looks, a JSON
// line each; it answers each of them with a line. So `ruth rules test` tells what the same looks would raise live.
import Type, { type Static } from 'typebox';
import { Look } from './control.ts';
import { CoreEvent } from './events.ts';
import { RuleConfig } from './rules.ts';
import { SceneConfig } from './scene.ts';
import { CameraSubscription } from './subscriptions.ts';

const strict = { additionalProperties: false } as const;

export const ReplayModel = Type.Object({
  detects: Type.Boolean({ description: 'Its detections become tracks' }), keypoint_names: Type.Array(Type.String()),
  confidence_threshold: Type.Optional(Type.Number({ description: 'What a detection must reach to begin a track; what is in the looks unless told' })),
  socket: Type.Union([Type.String(), Type.Null()], { description: 'Where it can be asked; null where its looks are given' }),
}, strict);
export type ReplayModel = Static<typeof ReplayModel>;

/** The first line of a file of kept looks; each line after it is a look. */
export const LooksHead = Type.Object({
  clip: Type.String(), begins_at: Type.Number({ description: 'UTC, seconds' }), models: Type.Record(Type.String(), Type.Omit(ReplayModel, ['socket'])),
}, strict);
export type LooksHead = Static<typeof LooksHead>;

export const ReplayTask = Type.Object({
  type: Type.Literal('task'), camera_id: Type.String(), scene: SceneConfig, rules: Type.Array(RuleConfig), subscriptions: Type.Array(CameraSubscription), models: Type.Record(Type.String(), ReplayModel),
}, strict);
export type ReplayTask = Static<typeof ReplayTask>;

/** A frame in a ring, to be looked at by all whose turn it is. */
export const ReplayFrame = Type.Object({
  type: Type.Literal('frame'), frame_reference: Type.String(), frame_id: Type.Integer({ minimum: 0 }), pts_us: Type.Integer(), captured_at_us: Type.Integer(),
  width: Type.Integer({ minimum: 1 }), height: Type.Integer({ minimum: 1 }),
}, strict);
export type ReplayFrame = Static<typeof ReplayFrame>;

/** A look that was made before. */
export const ReplayLook = Type.Object({ type: Type.Literal('look'), look: Look }, strict);
export type ReplayLook = Static<typeof ReplayLook>;

export const ReplayLine = Type.Union([ReplayTask, ReplayFrame, ReplayLook]);
export type ReplayLine = Static<typeof ReplayLine>;

export const ReplayAnswer = Type.Object({ looks: Type.Array(Look), events: Type.Array(CoreEvent), error: Type.Optional(Type.String()), error_code: Type.Optional(Type.String()) }, strict);
export type ReplayAnswer = Static<typeof ReplayAnswer>;
