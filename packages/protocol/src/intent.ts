// Contract 4, intent: what shall be at each camera, told to core as a whole and as often as one likes (PUT /v1/intent), and
// how far reality is (GET /v1/intent).
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { CameraRule } from './rules.ts';
import { SceneConfig } from './scene.ts';
import { CameraSubscription } from './subscriptions.ts';

const strict = { additionalProperties: false } as const;
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const CameraId = Type.String({ pattern: ID_PATTERN });

/** Everything that shall be at one camera; it stands above what ruth.yaml says of that camera. */
export const CameraIntent = Type.Object({
  subscriptions: Type.Array(CameraSubscription, { maxItems: 64, description: 'Which models look at the camera, each at most once; none: nobody looks' }),
  scene: Type.Optional(SceneConfig),
  rules: Type.Optional(Type.Array(CameraRule, { maxItems: 256, description: 'What raises an alert at this camera; nothing unless told' })),
}, { ...strict, description: 'What shall be at a camera' });
export type CameraIntent = Static<typeof CameraIntent>;

/** PUT /v1/intent of core. Cameras that it does not name are as ruth.yaml has them. */
export const Intent = Type.Object({
  revision: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Grows with each change; one below that of the intent that core has is refused as late' }),
  cameras: Type.Record(CameraId, CameraIntent, { ...strict, maxProperties: 1024, description: 'By camera id' }),
}, { ...strict, description: 'What shall be at the cameras' });
export type Intent = Static<typeof Intent>;

/** `converged`: it is as intended. `pending`: it is being brought about, or waits for a part that is away. `failed`: it cannot be as things are. */
export const INTENT_STATES = ['converged', 'pending', 'failed'] as const;
export type IntentState = (typeof INTENT_STATES)[number];

export const SubscriptionReality = Type.Object({
  model_id: Type.String(), state: Type.Enum([...INTENT_STATES]), reason: Nullable(Type.String({ description: 'Why it is not converged, or converged without looking' })),
  intended: CameraSubscription,
  desired_fps: Type.Number(), achieved_fps: Type.Number(),
});
export type SubscriptionReality = Static<typeof SubscriptionReality>;

export const CameraReality = Type.Object({
  /** Whose word counts: ruth.yaml's, or that of the intent that was put. */
  source: Type.Enum(['file', 'intent']),
  /** The worst of its subscriptions, or of the camera itself. */
  state: Type.Enum([...INTENT_STATES]), reason: Nullable(Type.String()),
  subscriptions: Type.Array(SubscriptionReality),
});
export type CameraReality = Static<typeof CameraReality>;

/** GET /v1/intent of core, and the answer to PUT. */
export const IntentStatus = Type.Object({
  /** Of the intent that core has; null where none was ever put. */
  revision: Nullable(Type.Integer({ minimum: 0 })),
  cameras: Type.Record(Type.String(), CameraReality),
});
export type IntentStatus = Static<typeof IntentStatus>;
