// A site of many nodes: who has which camera, and until when.
export type { CoreOfNode } from './camera-intents.ts';
export * from './node-agent.ts';
export * from './node-lease.ts';
export * from './placement.ts';
export * from './records.ts';
export * from './site-cameras.ts';
export * from './site-drains.ts';
export * from './site-keys.ts';
export * from './site-store.ts';
export * from './site-socket.ts';
export * from './site-watch.ts';
export * from './events/event-publisher.ts';
export * from './events/event-stream.ts';
export * from './events/outbox.ts';
export * from './events/site-reader.ts';
