// What a rule is: a line-up of conditions about one camera; when all hold at once, an alert is raised. Written as YAML, or
// as a sentence (rule-sentence.ts) that says the same.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const strict = { additionalProperties: false } as const;
const WEEK_S = 604_800;
const id = (description: string) => Type.String({ pattern: ID_PATTERN, description });
const forS = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: WEEK_S, description: 'It must have held without a break for so many seconds; at once unless told' }));
const withinS = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: WEEK_S, description: 'It counts for so many seconds after it happened, for other conditions to join it; only in that instant unless told' }));
const className = Type.String({ minLength: 1, maxLength: 128 });

export const TIME_OF_DAY_PATTERN = '^(?:[01]\\d|2[0-3]):[0-5]\\d$|^24:00$';
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
/** `frames/s`: heights of the picture in a second, where no ground plane is known. */
export const SPEED_UNITS = ['m/s', 'km/h', 'frames/s'] as const;
export type SpeedUnit = (typeof SPEED_UNITS)[number];
/** On the screen. */
export const HEADINGS = ['up', 'right', 'down', 'left'] as const;
export type Heading = (typeof HEADINGS)[number];
export const POSTURES = ['standing', 'sitting', 'crouching', 'lying'] as const;
export type Posture = (typeof POSTURES)[number];
/** `fallen`: from a fall until it gets up. `left`: lies still with nobody near. `removed`: lay still and is gone. */
export const OBJECT_STATES = ['moving', 'stationary', ...POSTURES, 'fallen', 'left', 'removed'] as const;
export type ObjectState = (typeof OBJECT_STATES)[number];

const speed = (description: string) => Type.Number({ minimum: 0, maximum: 1000, description });
const unit = Type.Enum([...SPEED_UNITS], { description: 'm/s and km/h need a ground_plane of the camera; frames/s are heights of the picture a second' });

/** Times of the day and days of the week. */
export const TIMES_OF_WEEK = {
  between: Type.Optional(Type.Tuple([Type.String({ pattern: TIME_OF_DAY_PATTERN }), Type.String({ pattern: TIME_OF_DAY_PATTERN })], { description: 'From and to, e.g. ["22:00", "06:00"]; past midnight where the second is the earlier' })),
  days: Type.Optional(Type.Array(Type.Enum([...DAYS]), { minItems: 1, maxItems: 7, description: 'A night belongs to the day on which it begins; all unless told' })),
};

/** Minutes after midnight of a time that TIME_OF_DAY_PATTERN lets through. */
export function minutesOfDay(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** Each has one key that says what it is. All but `count` speak of one and the same object of the rule's `objects`. */
export const Condition = Type.Union([
  Type.Object({ in_zone: id('It is in this zone'), for_s: forS }, strict),
  Type.Object({ outside_zone: id('It is not in this zone'), for_s: forS }, strict),
  Type.Object({ enters_zone: id('It comes into this zone'), within_s: withinS }, strict),
  Type.Object({ leaves_zone: id('It goes out of this zone, seen to do so'), within_s: withinS }, strict),
  Type.Object({ crosses_line: id('It crosses this line'), direction: Type.Optional(Type.Enum(['in', 'out'], { description: 'Either way unless told' })), within_s: withinS }, strict),
  Type.Object({ faster_than: speed('It moves faster, in the unit beside'), unit, for_s: forS }, strict),
  Type.Object({ slower_than: speed('It moves slower, in the unit beside'), unit, for_s: forS }, strict),
  Type.Object({
    heads: Type.Union([Type.Enum([...HEADINGS]), Type.Number({ minimum: 0, exclusiveMaximum: 360 })], { description: 'It moves this way on the screen: up, right, down, left, or degrees clockwise from up' }),
    within_degrees: Type.Optional(Type.Number({ minimum: 5, maximum: 175, description: 'How far to either side; 45 unless told' })), for_s: forS,
  }, strict),
  Type.Object({ is: Type.Enum([...OBJECT_STATES], { description: 'Its state' }), for_s: forS }, strict),
  Type.Object({
    count: Type.Union([className, Type.Array(className, { minItems: 1, maxItems: 64 })], { description: 'How many objects of these classes there are; "any" counts all' }),
    zone: Type.Optional(id('In this zone; in the whole picture unless told')),
    at_least: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'So many or more' })),
    at_most: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: 'So many or fewer; 0 for none' })), for_s: forS,
  }, strict),
]);
export type Condition = Static<typeof Condition>;

export const RuleConfig = Type.Object({
  id: id('Name of the rule in alerts'),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Shown on the page; the id unless told' })),
  active: Type.Optional(Type.Boolean({ description: 'false keeps the rule without running it; true unless told' })),
  camera: Type.String({ pattern: `${ID_PATTERN}|^\\*$`, description: 'Camera id, or "*" for every camera that has the zones and lines that the rule names' }),
  model: Type.Optional(id('Only what this model saw; what any saw unless told')),
  objects: Type.Optional(Type.Union([className, Type.Array(className, { minItems: 1, maxItems: 64 })], { description: 'Classes of the objects that the rule speaks of, as the model names them; any unless told' })),
  when: Type.Union([
    Type.String({ minLength: 1, maxLength: 1000 }),
    Type.Array(Condition, { minItems: 1, maxItems: 16 }),
  ], { description: 'All of these conditions at once; as a list, or as a sentence: person in zone "door" for 10 s between 22:00 and 06:00 then event "loitering" severity high' }),
  during: Type.Optional(Type.Object(TIMES_OF_WEEK, { ...strict, minProperties: 1, description: 'When the rule applies; always unless told' })),
  time_zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name, e.g. Europe/Berlin; that of the node unless told' })),
  event: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'What the alert is called; the id of the rule unless told' })),
  severity: Type.Optional(Type.Enum([...SEVERITIES], { description: 'medium unless told' })),
  cooldown_s: Type.Optional(Type.Number({ minimum: 0, maximum: WEEK_S, description: 'After an alert of this rule none for so many seconds at this camera; 0 unless told' })),
}, { ...strict, description: 'Raises an alert when all of its conditions hold' });
export type RuleConfig = Static<typeof RuleConfig>;

/** A rule of the camera under which it stands. */
export const CameraRule = Type.Omit(RuleConfig, ['camera'], { ...strict, description: 'Raises an alert when all of its conditions hold' });
export type CameraRule = Omit<RuleConfig, 'camera'>;

/** A rule with nothing left open. */
export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** Camera id, or `*`. */
  readonly camera: string;
  /** Null: any. */
  readonly model: string | null;
  /** Null: any. */
  readonly objects: readonly string[] | null;
  readonly conditions: readonly Condition[];
  /** Minutes after midnight, local time; past midnight where the second is the smaller. Null: the whole day. */
  readonly betweenMinutes: readonly [from: number, to: number] | null;
  /** Null: every day. */
  readonly days: readonly Day[] | null;
  /** IANA name; null: that of the node. */
  readonly timeZone: string | null;
  readonly event: string;
  readonly severity: Severity;
  readonly cooldownS: number;
}

/** Whether it speaks of one object rather than of how many there are. */
export function isOfObject(condition: Condition): boolean {
  return !('count' in condition);
}
