// What a subscription is: a model looks at a camera. In ruth.yaml it names its camera, in an intent it stands under it.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { InferConfig } from './inference.ts';

const strict = { additionalProperties: false } as const;
const modelId = (description: string) => Type.String({ pattern: ID_PATTERN, description: `${description}; letters, digits, '.', '_' and '-'` });

export const RegionsConfig = Type.Object({
  model: Type.String({ pattern: ID_PATTERN, description: 'Model whose detections are the regions' }),
  classes: Type.Optional(Type.Array(Type.String(), { description: 'Only detections of these classes; all unless told' })),
  min_confidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Only detections at least this sure' })),
  margin: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Added around each box, as a share of it; 0.15 unless told' })),
  max_regions: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Most regions per frame, largest score first; 8 unless told' })),
}, { ...strict, description: 'Look only where another model saw something, at each place by itself' });
export type RegionsConfig = Static<typeof RegionsConfig>;

/** A model's subscription to the camera under which it stands. */
export const CameraSubscription = Type.Object({
  model: modelId('Model id'),
  desired_fps: Type.Number({ exclusiveMinimum: 0, maximum: 240, description: 'Looks per second; never more, and fewer only where frames are dropped and counted' }),
  active: Type.Optional(Type.Boolean({ description: 'false keeps the line without running it; true unless told' })),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'Whose looks are cut last where the model cannot serve all: 20 points more double the share; 50 unless told' })),
  config: Type.Optional(InferConfig),
  regions: Type.Optional(RegionsConfig),
}, { ...strict, description: 'A model looks at a camera' });
export type CameraSubscription = Static<typeof CameraSubscription>;

export const SubscriptionConfig = Type.Object({
  camera: Type.String({ pattern: `${ID_PATTERN}|^\\*$`, description: 'Camera id, or "*" for all' }),
  ...CameraSubscription.properties,
}, { ...strict, description: 'A model looks at a camera' });
export type SubscriptionConfig = Static<typeof SubscriptionConfig>;

export interface SubscriptionProblem {
  /** Of the subscription in the list, and of the key in it. */
  readonly index: number;
  readonly key: keyof CameraSubscription;
  readonly message: string;
}

/** What a schema cannot say of all subscriptions of one camera; null where they can run as they stand. */
export function subscriptionProblem(subscriptions: readonly CameraSubscription[]): SubscriptionProblem | null {
  const sourceOf = new Map<string, string | undefined>();
  for (const [index, { model, regions }] of subscriptions.entries()) {
    if (sourceOf.has(model)) return { index, key: 'model', message: `${model} looks at this camera already, in a subscription above; a model looks at a camera once` };
    sourceOf.set(model, regions?.model);
  }
  for (const [index, { model }] of subscriptions.entries()) {
    const chain = [model];
    for (let source = sourceOf.get(model); source !== undefined; source = sourceOf.get(source)) {
      chain.push(source);
      if (source === model) return { index, key: 'regions', message: `${chain.join(' follows ')}: a model cannot follow itself` };
      // A circle further up is told of where it begins.
      if (chain.length > sourceOf.size) break;
    }
  }
  return null;
}
