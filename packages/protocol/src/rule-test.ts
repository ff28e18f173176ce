// Contract 4, rules tried on what a camera has seen lately: core keeps the looks of the last hour, and understands them anew with other rules
// (POST /v1/cameras/:id/rules/test of core, POST /api/v1/cameras/:id/rules/test). Nothing of it is stored, told or delivered.
import Type, { type Static } from 'typebox';
import { CameraRule } from './rules.ts';
import { AlertClearedEvent, AlertRaisedEvent } from './scene-events.ts';
import { SceneConfig } from './scene.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const MOST_TESTED_RULES = 64;
/** Alerts that an answer holds. */
export const MOST_TESTED_ALERTS = 500;

export const RuleTestRequest = Type.Object({
  rules: Type.Array(CameraRule, { minItems: 1, maxItems: MOST_TESTED_RULES }),
  scene: Type.Optional(SceneConfig),
  start: Type.Optional(Type.Number({ minimum: 0, description: 'UTC, seconds; an hour before the end unless told' })),
  end: Type.Optional(Type.Number({ minimum: 0, description: 'UTC, seconds; now unless told' })),
}, { additionalProperties: false, description: 'Rules to try; with the zones, lines and masks that the camera has unless others are given' });
export type RuleTestRequest = Static<typeof RuleTestRequest>;

export const RuleTest = Type.Object({
  camera_id: Type.String(), start: Time, end: Time,
  kept_since: Type.Union([Time, Type.Null()], { description: 'Looks are kept from then on, since core started or as far as memory reaches; null: there are none. What was before it is not known' }),
  models: Type.Array(Type.Object({
    model_id: Type.String(), looks: Count, failed: Type.Integer({ minimum: 0, description: 'Looks that failed: something may have happened in them' }),
    held: Type.Integer({ minimum: 0, description: 'Pictures that were not looked at because nothing moved in them' }),
  })),
  unseen: Type.Array(Type.Object({ start: Time, end: Time }), { description: 'Spans in which no model looked, for whatever reason: what happened there is not known' }),
  alerts: Type.Array(Type.Object({ raised: AlertRaisedEvent, cleared: Nullable(AlertClearedEvent) }), { maxItems: MOST_TESTED_ALERTS, description: 'In their order; cleared is null for an instant, and for one that still lasted at the end' }),
  alerts_left_out: Type.Integer({ minimum: 0, description: 'Alerts beyond those that an answer holds' }),
  events: Type.Record(Type.String(), Count, { description: 'How many events of each other type: what the scene saw, whether a rule asks for it or not' }),
});
export type RuleTest = Static<typeof RuleTest>;
