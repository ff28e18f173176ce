// What a camera's picture means: zones, lines, masks, and how the ground lies in it. Points are shares of the picture, so that
// a scene outlives a change of resolution. What a schema cannot say is checked in scene-problems.ts.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const strict = { additionalProperties: false } as const;
const Share = Type.Number({ minimum: 0, maximum: 1 });
const id = (description: string) => Type.String({ pattern: ID_PATTERN, description: `${description}; letters, digits, '.', '_' and '-'` });
const name = Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Shown on the page; the id unless told' }));
const classes = (what: string) => Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { minItems: 1, maxItems: 256, description: `Only objects of these classes ${what}; all unless told` }));

export const Point = Type.Tuple([Share, Share], { description: 'x, y: 0..1 of the picture, origin top left' });
export type Point = Static<typeof Point>;

const polygon = Type.Array(Point, { minItems: 3, maxItems: 64, description: 'The corners in order around the area, each [x, y], 0..1 of the picture, origin top left' });

export const ANCHORS = ['base', 'centre'] as const;
export type Anchor = (typeof ANCHORS)[number];
const anchor = Type.Optional(Type.Enum([...ANCHORS], { description: 'Which point of an object\'s box tells where it is: the middle of its lower edge, where it stands (unless told), or the centre, for cameras that look straight down' }));

export const ZoneConfig = Type.Object({
  id: id('Name of the zone in rules and events'), name, polygon, anchor, classes: classes('count'),
  dwell_s: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 604_800, description: 'An event "dwell" tells once of each object that stays so many seconds; none unless told' })),
}, { ...strict, description: 'An area of the picture' });
export type ZoneConfig = Static<typeof ZoneConfig>;

export const LineConfig = Type.Object({
  id: id('Name of the line in rules and events'), name, anchor, classes: classes('count'),
  counts: Type.Optional(Type.Enum(['tracks', 'crossings'], { description: 'tracks: who crosses it is told once each way, however often it goes to and fro; crossings: each time. tracks unless told' })),
  points: Type.Array(Point, {
    minItems: 2, maxItems: 16,
    description: 'From first to last, each [x, y]. Who stands on the first point and looks along the line has "in" to the right: crossing a line drawn from left to right, "in" is downwards',
  }),
}, { ...strict, description: 'A line that is crossed in one direction or the other' });
export type LineConfig = Static<typeof LineConfig>;

export const MASK_HIDES = ['motion', 'objects'] as const;
export const MaskConfig = Type.Object({
  id: Type.Optional(id('Name of the mask')), polygon,
  hides: Type.Optional(Type.Array(Type.Enum([...MASK_HIDES]), { minItems: 1, maxItems: 2, description: 'What does not count here: motion (trees, a clock in the picture), objects that stand here (a statue); both unless told' })),
  classes: classes('are hidden'),
}, { ...strict, description: 'An area where nothing counts' });
export type MaskConfig = Static<typeof MaskConfig>;

export const GroundPlaneConfig = Type.Object({
  points: Type.Array(Type.Object({
    image: Point,
    ground: Type.Tuple([Type.Number({ minimum: -1e5, maximum: 1e5 }), Type.Number({ minimum: -1e5, maximum: 1e5 })], { description: 'Where that is on the ground: x, y in metres from any origin' }),
  }, strict), { minItems: 4, maxItems: 64, description: 'Four or more points of the ground, not three in a line, as wide apart as can be' }),
}, { ...strict, description: 'How the ground lies in the picture: speeds are then in metres' });
export type GroundPlaneConfig = Static<typeof GroundPlaneConfig>;

export const LeftObjectsConfig = Type.Object({
  classes: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { minItems: 1, maxItems: 64, description: 'What can be left behind; backpack, handbag and suitcase unless told' })),
  owners: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { minItems: 1, maxItems: 64, description: 'Who can leave it; person unless told' })),
  after_s: Type.Optional(Type.Number({ minimum: 1, maximum: 86_400, description: 'Seconds it must lie still, with nobody near; 30 unless told' })),
  near: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 20, description: 'What "near" is, in heights of the one who is near; 1 unless told' })),
  gone_s: Type.Optional(Type.Number({ minimum: 1, maximum: 3600, description: 'Seconds of looks without what lay still for after_s, until it counts as removed; 5 unless told' })),
}, { ...strict, description: 'Tells of objects that are left behind and removed; without this section only where a rule asks for it' });
export type LeftObjectsConfig = Static<typeof LeftObjectsConfig>;

/** Of one camera. */
export const SceneConfig = Type.Object({
  zones: Type.Optional(Type.Array(ZoneConfig, { maxItems: 64, description: 'Areas of the picture' })),
  lines: Type.Optional(Type.Array(LineConfig, { maxItems: 64, description: 'Lines that are crossed' })),
  masks: Type.Optional(Type.Array(MaskConfig, { maxItems: 64, description: 'Areas where nothing counts' })),
  ground_plane: Type.Optional(GroundPlaneConfig),
  left_objects: Type.Optional(LeftObjectsConfig),
}, { ...strict, description: 'What the picture of a camera means' });
export type SceneConfig = Static<typeof SceneConfig>;

/** The keys of a camera in ruth.yaml that make its scene. */
export const SCENE_KEYS = Object.keys(SceneConfig.properties) as readonly (keyof SceneConfig)[];
