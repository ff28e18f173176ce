// The tables of the store as its queries see them. Times are UTC: `_us` microseconds, `hour` whole hours since 1970. What has no
// camera, model, class, zone or rule has an empty text there, so that a unique index can hold it.
import type { Generated } from 'kysely';

export interface Tables {
  followed: FollowedTable;
  event_series: EventSeriesTable;
  events: EventsTable;
  event_hours: EventHoursTable;
  tracks: TracksTable;
}

/** How far the event stream of another process is stored. Moves in the transaction that stores the events. */
export interface FollowedTable {
  source: EventSource;
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
  source: EventSource;
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
