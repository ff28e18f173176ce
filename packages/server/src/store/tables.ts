// The tables of the store as its queries see them. Times are UTC: `_us` microseconds, `hour` whole hours since 1970. What has no
// camera, model, class, zone or rule has an empty text there, so that a unique index can hold it.
import type { Generated } from 'kysely';

export interface Tables {
  followed: FollowedTable;
  event_series: EventSeriesTable;
  events: EventsTable;
  event_hours: EventHoursTable;
  tracks: TracksTable;
  users: UsersTable;
  seen_events: SeenEventsTable;
  turns: TurnsTable;
  couriers: CouriersTable;
  dead_letters: DeadLettersTable;
  sessions: SessionsTable;
  tokens: TokensTable;
  audit: AuditTable;
}

/** How far the event stream of another process is stored. Moves in the transaction that stores the events. */
export interface FollowedTable {
  source: StreamName;
  /** Grows where the ids of a source began anew. */
  epoch: number;
  /** -1 before the first. */
  last_id: number;
}

/** What many events have in common; an event names its series by id. */
export interface EventSeriesTable {
  id: Generated<number>;
  type: string;
  camera: string;
  model: string;
  class_name: string;
  /** Ids of zones or of a line, joined by commas, in order. */
  zones: string;
  rule: string;
}

export interface EventsTable {
  /** Grows as events are stored. */
  id: Generated<number>;
  source: StreamName;
  source_id: number;
  series_id: number;
  at_us: number;
  score: number | null;
  /** The event as it was emitted, JSON. */
  body: string;
}

/** How many events a series has in an hour, and the highest score among them: what searching and counting begin with. */
export interface EventHoursTable {
  hour: number;
  series_id: number;
  events: number;
  /** 0 where none has a score. */
  max_score: number;
}

/** One row for a track, from its start on. */
export interface TracksTable {
  camera: string;
  model: string;
  track_id: number;
  first_us: number;
  last_us: number;
  class_name: string;
  score: number;
  /** Of the last event of the track: its `TrackEvent`, JSON. */
  body: string;
  /** Null while it lives. */
  end_reason: string | null;
}

export const EVENT_SOURCES = ['core', 'kernel'] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];
/** A stream of events: `core`, or `north/core` where several nodes share the database. */
export type StreamName = EventSource | `${string}/${EventSource}` | typeof SITE_STREAM;
/** The stream of a site, which holds the events of all its nodes. Its epoch is when it was made (UTC, milliseconds). */
export const SITE_STREAM = 'site';

export const streamOf = (node: string | null, source: EventSource): StreamName => (node === null ? source : `${node}/${source}`);

export function fromStream(stream: StreamName): { node: string | null; source: EventSource | typeof SITE_STREAM } {
  const at = stream.indexOf('/');
  return at < 0 ? { node: null, source: stream as EventSource } : { node: stream.slice(0, at), source: stream.slice(at + 1) as EventSource };
}

export interface UsersTable {
  id: Generated<number>;
  name: string;
  /** PHC string of Argon2id; empty where no password works. */
  password: string;
  /** 1 where the password works once. */
  is_one_time: number;
  role: string;
  /** JSON list of ids; null for all. */
  cameras: string | null;
  active: number;
  created_us: number;
  /** Issuer and subject of who signs in through OpenID Connect; null for who has a password here. */
  subject: Generated<string | null>;
  /** Events before this count as seen by them. */
  seen_before_us: Generated<number>;
}

/** Somebody has seen this event. */
export interface SeenEventsTable {
  event_id: number;
  user_id: number;
}

/** What one server of several does at a time, and which; with PostgreSQL alone. */
export interface TurnsTable {
  name: string;
  holder: string;
  /** By the clock of the database; text that it parses. */
  until: string;
}

/** How far a target of notifications has come. */
export interface CouriersTable {
  /** Behind `<node>/` where several nodes share the database, which has more columns for them (courier-turns.ts). */
  target: string;
  last_event_id: number;
}

/** An event that could not be delivered to a target. */
export interface DeadLettersTable {
  id: Generated<number>;
  target: string;
  event_id: number;
  at_us: number;
  attempts: number;
  error: string;
}

/** Secrets are there as their SHA-256 alone. */
export interface SessionsTable {
  hash: string;
  user_id: number;
  /** 1 where the password must be changed before anything else. */
  must_change: number;
  created_us: number;
  seen_us: number;
}

export interface TokensTable {
  id: Generated<number>;
  hash: string;
  user_id: number;
  name: string;
  /** JSON list. */
  scopes: string;
  cameras: string | null;
  created_us: number;
  expires_us: number | null;
  used_us: number | null;
}

export interface AuditTable {
  id: Generated<number>;
  at_us: number;
  actor: string;
  action: string;
  camera: string;
  detail: string;
  address: string;
}
