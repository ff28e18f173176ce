// The store: what the server remembers, in SQLite or PostgreSQL.
export type { CourierTarget, StandInTurn } from './courier-turns.ts';
export { describeAddress, type StoreAddress } from './database.ts';
export { cursorText, HOUR_US, parseCursor, type EventCursor, type EventSearch, type FoundEvent, type HourCount, type TimeRange } from './event-search.ts';
export type { EventSeries, SeriesFilter, SeriesKey } from './event-series.ts';
export type { EventBatch, EventRow, SiteBatch } from './event-writer.ts';
export type { AuditRow, FoundSession, FoundToken, FoundUser } from './people.ts';
export type { SeenEvents } from './seen-events.ts';
export { openStore, type Store } from './store.ts';
export type { EventSource, TracksTable } from './tables.ts';
export type { FoundTrack, TrackSearch } from './track-search.ts';
