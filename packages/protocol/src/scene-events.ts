// Contract 4, events about what a camera saw: zones, lines, dwell, occupancy, objects left and removed, postures, falls, and
// the alerts of rules. Each names the frame it belongs to and the instant of the recording that shows it.
import Type, { type Static } from 'typebox';
import { eventEnvelope } from './event-envelope.ts';
import { Box } from './inference.ts';
import { POSTURES, SEVERITIES } from './rules.ts';
import { TrackState } from './track-events.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Seconds = Type.Number({ minimum: 0 });
const Id = Type.String();
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

/** Of the look that showed it. `recording_at` is the instant to ask the recording for: `snapshot.jpg?at=`, playback, clips. */
const sighting = { ...eventEnvelope, camera_id: Id, model_id: Id, frame_id: Count, captured_at: Time, recording_at: Time };

export const LEAVE_REASONS = ['left', 'lost'] as const;
export const ZoneEnteredEvent = Type.Object({ ...sighting, type: Type.Literal('zone.entered'), zone: Id, track: TrackState });
/** `lost`: its track ended inside, under looks that could have seen it. What could not be looked at is never said to have left; its track's end says so. */
export const ZoneLeftEvent = Type.Object({ ...sighting, type: Type.Literal('zone.left'), zone: Id, track: TrackState, stay_s: Seconds, reason: Type.Enum([...LEAVE_REASONS]) });
/** Once for each crossing; a track that stays on the line, or wavers over it, crosses it once. */
export const LineCrossedEvent = Type.Object({ ...sighting, type: Type.Literal('line.crossed'), line: Id, direction: Type.Enum(['in', 'out']), track: TrackState });
/** Once for each stay in a zone that has `dwell_s`. */
export const DwellEvent = Type.Object({ ...sighting, type: Type.Literal('dwell'), zone: Id, track: TrackState, stay_s: Seconds });
/** How many are in a zone now, told when it changed, at most once a second. Null: it cannot be looked at. */
export const OccupancyEvent = Type.Object({ ...sighting, type: Type.Literal('occupancy'), zone: Id, count: Nullable(Count), by_class: Type.Record(Type.String(), Count) });

/** `since`: when it came to rest. `owner`: the track that was near when it first lay there, where there was one. */
export const ObjectEvent = Type.Object({
  ...sighting, type: Type.Enum(['object.left', 'object.removed']), track: TrackState, zones: Type.Array(Id), since: Time, owner_track_id: Nullable(Type.Integer({ minimum: 1 })),
});

export const PostureEvent = Type.Object({
  ...sighting, type: Type.Literal('posture'), track: TrackState, posture: Type.Enum([...POSTURES]), since: Time, before: Nullable(Type.Enum([...POSTURES])),
});
/** Confirmed: it went down fast and stays down. `captured_at` is of the look that confirmed it, `began_at` is when it fell. */
export const FallEvent = Type.Object({ ...sighting, type: Type.Literal('fall'), track: TrackState, began_at: Time, lying_s: Seconds });

export const HeldCondition = Type.Object({
  text: Type.String({ description: 'The condition as a sentence of a rule says it' }),
  held_s: Type.Union([Seconds, Type.Null()], { description: 'For how long it had held; null for what happens in an instant' }),
  value: Type.Optional(Type.Number({ description: 'What was measured, where there is a number: a count, a speed in the unit of the condition' })),
});
export type HeldCondition = Static<typeof HeldCondition>;

const alert = {
  ...sighting,
  alert_id: Type.String({ description: 'The same in raised and cleared' }), rule: Id, rule_name: Type.String(), event: Type.String(), severity: Type.Enum([...SEVERITIES]),
  /** Of the object of the rule first, then of those that were counted. */
  tracks: Type.Array(TrackState, { maxItems: 32 }),
  /** Where to look in the picture: around all tracks; null where nothing is there to be shown. */
  bbox: Nullable(Box),
};
/** All conditions of a rule hold. `lasting`: an `alert.cleared` will follow; otherwise it was an instant. */
export const AlertRaisedEvent = Type.Object({ ...alert, type: Type.Literal('alert.raised'), conditions: Type.Array(HeldCondition, { maxItems: 16 }), lasting: Type.Boolean() });
export const CLEAR_REASONS = ['no_longer', 'track_ended', 'could_not_look', 'rule_changed'] as const;
export const AlertClearedEvent = Type.Object({ ...alert, type: Type.Literal('alert.cleared'), raised_at: Time, lasted_s: Seconds, reason: Type.Enum([...CLEAR_REASONS]) });

export const SCENE_EVENTS = [
  ZoneEnteredEvent, ZoneLeftEvent, LineCrossedEvent, DwellEvent, OccupancyEvent, ObjectEvent, PostureEvent, FallEvent, AlertRaisedEvent, AlertClearedEvent,
] as const;
export const SceneEvent = Type.Union([...SCENE_EVENTS]);
export type SceneEvent = Static<typeof SceneEvent>;
export type ZoneEnteredEvent = Static<typeof ZoneEnteredEvent>;
export type ZoneLeftEvent = Static<typeof ZoneLeftEvent>;
export type LineCrossedEvent = Static<typeof LineCrossedEvent>;
export type DwellEvent = Static<typeof DwellEvent>;
export type OccupancyEvent = Static<typeof OccupancyEvent>;
export type ObjectEvent = Static<typeof ObjectEvent>;
export type PostureEvent = Static<typeof PostureEvent>;
export type FallEvent = Static<typeof FallEvent>;
export type AlertRaisedEvent = Static<typeof AlertRaisedEvent>;
export type AlertClearedEvent = Static<typeof AlertClearedEvent>;
