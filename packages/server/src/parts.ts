// Parts of the server that are tested by themselves.
export { EventKeeper } from './events/event-keeper.ts';
export { EventRecorder } from './events/event-recorder.ts';
export { Upstream } from './upstream.ts';
