// What a subscription is: a model looks at a camera. In ruth.yaml it names its camera, in an intent it stands under it.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { InferConfig } from './inference.ts';
import { isTimeZone, timeZoneProblem } from './rule-problems.ts';
import { TIMES_OF_WEEK } from './rules.ts';

const strict = { additionalProperties: false } as const;
const modelId = (description: string) => Type.String({ pattern: ID_PATTERN, description: `${description}; letters, digits, '.', '_' and '-'` });

export const RegionsConfig = Type.Object({
  model: Type.String({ pattern: ID_PATTERN, description: 'Model whose detections are the regions' }),
  classes: Type.Optional(Type.Array(Type.String(), { description: 'Only detections of these classes; all unless told' })),
  min_confidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Only detections at least this sure' })),
  min_height: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Only boxes at least so high, as a share of the picture' })),
  max_height: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Only boxes at most so high, as a share of the picture' })),
  once_per_track_s: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400, description: 'Look at each track at most once in so many seconds; what belongs to no track is not looked at. Whenever it is seen, unless told' })),
  once_per_stationary_track_s: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400, description: 'Look at a track that stands still once in so many seconds of the stream; as at any other unless told' })),
  appearance: Type.Optional(Type.Boolean({ description: 'Its vectors tell what the tracks of that model look like, so that who was hidden is known again; core asks for few of them, and tells them to nobody. For a re-identification model; false unless told' })),
  margin: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Added around each box, as a share of it; 0.15 unless told, 0 with appearance' })),
  max_regions: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Most regions per frame, largest score first; 8 unless told' })),
}, { ...strict, description: 'Look only where another model saw something, at each place by itself' });
export type RegionsConfig = Static<typeof RegionsConfig>;

export const MotionConfig = Type.Object({
  sensitivity: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'How small a change counts as motion: 0 strong ones alone, 100 the faintest; 50 unless told' })),
  warm_up_s: Type.Optional(Type.Number({ minimum: 0, maximum: 600, description: 'For so many seconds every look is made, while the background is learnt; 5 unless told' })),
  hold_s: Type.Optional(Type.Number({ minimum: 0, maximum: 600, description: 'Looks go on for so many seconds after the last motion; 2 unless told' })),
  forced_look_s: Type.Optional(Type.Number({ minimum: 0.2, maximum: 3600, description: 'A look is made at least so often, motion or not; 10 unless told. While something is seen that may move, every second' })),
  stationary_look_s: Type.Optional(Type.Number({ minimum: 0.2, maximum: 3600, description: 'While all that is seen stands still and nothing moves, a look is made so often; as forced_look_s unless told' })),
}, { ...strict, description: 'Looks only while something moves; masks of the camera that hide motion do not count. {} takes the defaults; without this key every due frame is looked at' });
export type MotionConfig = Static<typeof MotionConfig>;

export const Schedule = Type.Object({
  ...TIMES_OF_WEEK,
  time_zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name, e.g. Europe/Berlin; that of the node unless told' })),
}, { ...strict, minProperties: 1, description: 'When it looks; always unless told' });
export type Schedule = Static<typeof Schedule>;

/** A model's subscription to the camera under which it stands. */
export const CameraSubscription = Type.Object({
  model: modelId('Model id'),
  desired_fps: Type.Number({ exclusiveMinimum: 0, maximum: 240, description: 'Looks per second; never more, and fewer only where frames are dropped and counted' }),
  active: Type.Optional(Type.Boolean({ description: 'false keeps the line without running it; true unless told' })),
  schedule: Type.Optional(Schedule),
  zone: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'Only what stands in this zone of the camera counts; the whole picture unless told. Where the model looks at regions, only at those' })),
  motion: Type.Optional(MotionConfig),
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

/** What a schema cannot say of all subscriptions of one camera; null where they can run as they stand. `zones`: ids of those that the camera has, where they are known. */
export function subscriptionProblem(subscriptions: readonly CameraSubscription[], zones: readonly string[] | null = null): SubscriptionProblem | null {
  for (const [index, { zone, schedule, regions, motion }] of subscriptions.entries()) {
    if (zone !== undefined && zones !== null && !zones.includes(zone)) return { index, key: 'zone', message: `${zone} is no zone of the camera; it has: ${zones.join(', ') || 'none'}` };
    if (schedule?.time_zone !== undefined && !isTimeZone(schedule.time_zone)) return { index, key: 'schedule', message: timeZoneProblem(schedule.time_zone) };
    if (schedule?.between && schedule.between[0] === schedule.between[1]) return { index, key: 'schedule', message: 'begins and ends at the same time, which is no time at all; leave "between" out for the whole day' };
    if (regions && motion) return { index, key: 'motion', message: `it follows ${regions.model} and looks where that saw something; let that one look only at motion` };
    if (regions?.min_height !== undefined && regions.max_height !== undefined && regions.min_height > regions.max_height) {
      return { index, key: 'regions', message: `no box is at least ${regions.min_height} and at most ${regions.max_height} high` };
    }
  }
  const describers = new Map<string, string>();
  for (const [index, { model, regions }] of subscriptions.entries()) {
    if (!regions?.appearance) continue;
    if (regions.once_per_track_s !== undefined || regions.once_per_stationary_track_s !== undefined) return { index, key: 'regions', message: 'with appearance the tracker itself says who is looked at and when; leave once_per_track_s and once_per_stationary_track_s out' };
    const other = describers.get(regions.model);
    if (other !== undefined) return { index, key: 'regions', message: `${other} tells already what the tracks of ${regions.model} look like; vectors of two models cannot be compared` };
    describers.set(regions.model, model);
  }
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
