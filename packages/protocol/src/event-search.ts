// The server's stored events and tracks: what is asked of them, and what is answered.
import Type, { type Static } from 'typebox';
import { CoreEvent, KernelEvent } from './events.ts';
import { ID_PATTERN } from './ids.ts';
import { RecordedAt } from './recording.ts';
import { TrackEvent } from './track-events.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
/** `camera=a` or `camera=a&camera=b`: any of them. */
const anyOf = <S extends Type.TSchema>(schema: S, description: string) => Type.Optional(Type.Union([schema, Type.Array(schema, { minItems: 1, maxItems: 256 })], { description }));
const Id = Type.String({ pattern: ID_PATTERN });
const Name = Type.String({ minLength: 1, maxLength: 128 });

const time = {
  start: Type.Optional(Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC seconds, included; the beginning unless told' })),
  end: Type.Optional(Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC seconds, not included; no end unless told' })),
};
const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: '50 unless told' })),
  cursor: Type.Optional(Type.String({ maxLength: 256, description: 'next_cursor of the page before' })),
};
const kind = {
  camera: anyOf(Id, 'Of these cameras'), model: anyOf(Id, 'Of what these models saw'), class: anyOf(Name, 'Of objects of these classes'),
  type: anyOf(Name, 'Of these types, e.g. line.crossed'), zone: anyOf(Id, 'In these zones, or over these lines'), rule: anyOf(Id, 'Of alerts of these rules'),
};

/** GET /api/v1/events */
export const EventQuery = Type.Object({
  ...kind, min_score: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })), ...time, ...page,
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'An event_id: what was stored after it, in the order of storing, oldest first; goes with limit alone. For whoever was away' })),
  unseen: Type.Optional(Type.Boolean({ description: 'true: only what whoever asks has not seen' })),
}, { additionalProperties: false });
export type EventQuery = Static<typeof EventQuery>;

export const StoredEvent = Type.Object({
  event_id: Type.Integer({ minimum: 1, description: 'Given when it was stored' }),
  source: Type.Enum(['core', 'kernel', 'site'], { description: 'Whose `event.id` it is; `site`: what the stream of the site had let go before it was stored (a `gap`)' }),
  node: Type.Optional(Type.String({ description: 'Whose it is, where several nodes of a site share the store' })),
  at: Type.Number({ description: 'UTC, seconds: when what it tells was seen, or happened' }),
  type: Type.String(), camera_id: Nullable(Type.String()), model_id: Nullable(Type.String()), class_name: Nullable(Type.String()),
  zones: Type.Array(Type.String({ description: 'Of zones, or of the line' })), rule: Nullable(Type.String()), score: Nullable(Type.Number()),
  seen: Nullable(Type.Boolean({ description: 'By whoever asks; null for a token that belongs to nobody' })),
  recorded: Nullable(Type.Union([...RecordedAt.anyOf], { description: 'Whether the recording of that moment is (still) there, and so its picture: snapshot.jpg?at=. unknown: that could not be looked at now, as where its node is away; null: it belongs to no camera' })),
  event: Type.Union([...CoreEvent.anyOf, ...KernelEvent.anyOf], { description: 'As it was emitted' }),
});
export type StoredEvent = Static<typeof StoredEvent>;

const NODE_POSITION = `${ID_PATTERN.slice(0, -1)}:[0-9]{1,16}$`;

/** WS /api/v1/live: a client that comes back says what it had, and gets what came since, as far as it is kept. */
export const LiveQuery = Type.Object({
  core_after: Type.Optional(Type.Integer({ minimum: 0, description: 'Id of the last event of core that it had' })),
  kernel_after: Type.Optional(Type.Integer({ minimum: 0, description: 'Id of the last event of the kernel (`recording.`) that it had' })),
  node_after: anyOf(Type.String({ pattern: NODE_POSITION }), 'Likewise of the core of another node of the site: `south:1767610000000000`'),
  camera: anyOf(Id, 'Only of these cameras, and what belongs to none; all that may be seen unless told'),
}, { additionalProperties: false });
export type LiveQuery = Static<typeof LiveQuery>;

/** Told on WS /api/v1/live, beside events: whether events of the cameras of another node come. Events of other nodes carry its name as `node`. */
export const LiveNode = Type.Object({
  type: Type.Enum(['node.away', 'node.there']), node: Type.String({ pattern: ID_PATTERN }), at: Time,
  error: Nullable(Type.String({ description: 'Why they do not come' })),
}, { description: 'Whether events of another node of the site come' });
export type LiveNode = Static<typeof LiveNode>;

/** Newest first. */
export const EventPage = Type.Object({
  events: Type.Array(StoredEvent), next_cursor: Nullable(Type.String()),
  last_event_id: Type.Optional(Type.Integer({ minimum: 0, description: 'Where `after` was asked for: go on after this, until it is what it was' })),
});
export type EventPage = Static<typeof EventPage>;

/** POST /api/v1/events/seen: these, or all up to an instant. */
export const SeenMarks = Type.Object({
  event_ids: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), { minItems: 1, maxItems: 500 })),
  before: Type.Optional(Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC seconds: all events before it count as seen from now on' })),
}, { additionalProperties: false, minProperties: 1 });
export type SeenMarks = Static<typeof SeenMarks>;

/** GET /api/v1/deliveries: how a target of notifications is doing, since the server started. */
export const DeliveryStatus = Type.Object({
  target: Type.String({ description: 'Its kind and id' }), delivered: Count, unheard: Type.Integer({ minimum: 0, description: 'Events that it does not hear of' }),
  quiet: Type.Integer({ minimum: 0, description: 'Events in its quiet time, or of what it had heard a moment ago' }), failed: Type.Integer({ minimum: 0, description: 'Tries that failed' }), dead_letters: Count, last_error: Nullable(Type.String()),
  stands_in_for: Type.Optional(Type.Array(Type.String(), { description: 'Nodes of the site that have no server at the moment, whose events are brought from here' })),
});
export type DeliveryStatus = Static<typeof DeliveryStatus>;

/** GET /api/v1/dead-letters: what could not be delivered after many tries. */
export const DeadLetterInfo = Type.Object({ letter_id: Count, target: Type.String(), event_id: Count, at: Time, attempts: Count, error: Type.String() });
export type DeadLetterInfo = Static<typeof DeadLetterInfo>;

export const EVENT_DIMENSIONS = ['camera', 'model', 'class', 'type', 'zone', 'rule'] as const;
/** GET /api/v1/events/counts */
export const EventCountQuery = Type.Object({
  ...kind,
  start: Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC seconds; the hour it lies in is the first' }), end: Type.Number({ minimum: 0, maximum: 1e10, description: 'UTC seconds; not included' }),
  by: Type.Optional(Type.Enum([...EVENT_DIMENSIONS], { description: 'One count for each of these; all together unless told' })),
}, { additionalProperties: false });
export type EventCountQuery = Static<typeof EventCountQuery>;

/** Of whole hours; one without events is not there. An event in two zones counts in both. */
export const EventCounts = Type.Object({ counts: Type.Array(Type.Object({ hour: Type.Number({ description: 'UTC seconds, its beginning' }), value: Nullable(Type.String({ description: 'The camera, model, ... of these' })), events: Count })) });
export type EventCounts = Static<typeof EventCounts>;

/** GET /api/v1/tracks */
export const TrackQuery = Type.Object({ camera: kind.camera, model: kind.model, class: kind.class, min_score: EventQuery.properties.min_score, ...time, ...page }, { additionalProperties: false });
export type TrackQuery = Static<typeof TrackQuery>;

export const StoredTrack = Type.Object({
  camera_id: Type.String(), model_id: Type.String(), track_id: Type.Integer({ minimum: 1 }), first_seen: Time, last_seen: Time, class_name: Type.String(), score: Type.Number(),
  end_reason: Nullable(Type.String({ description: 'Null while it lives' })), event: TrackEvent,
});
export type StoredTrack = Static<typeof StoredTrack>;
/** Newest first, by when they began. */
export const TrackPage = Type.Object({ tracks: Type.Array(StoredTrack), next_cursor: Nullable(Type.String()) });
export type TrackPage = Static<typeof TrackPage>;
