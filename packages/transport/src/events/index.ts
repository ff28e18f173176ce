// Ordered events that a consumer can resume: kept in a log, sent as server-sent events.
export { EventLog, type EventContent, type EventLogOptions, type LoggedEvent } from './event-log.ts';
export { EventStore, sweepEventStore } from './event-store.ts';
export { streamEvents, type EventSource, type EventStreamOptions } from './event-stream.ts';
