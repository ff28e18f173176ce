// Follows the ordered events of another process, and brings each exactly once to where it is to be kept.
export { EventFollower, type EventFollowerOptions } from './event-follower.ts';
export { EventRecorder, type EventRecorderOptions, type EventSink, type FollowedEvent, type SinkBatch, type StreamPosition } from './event-recorder.ts';
