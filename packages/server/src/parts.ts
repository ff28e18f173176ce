// Parts of the server that are tested by themselves.
export { SignInAttempts } from './access/attempts.ts';
export { guardRoutes, ROUTE_TABLE } from './access/index.ts';
export { hashPassword, isPassword } from './access/password.ts';
export { EventKeeper } from './events/event-keeper.ts';
export { keptOf } from './events/event-row.ts';
export { storeSink } from './events/store-sink.ts';
export { MqttBridge } from './outward/mqtt/mqtt-bridge.ts';
export { discoveryOf, EVENT_TYPES } from './outward/mqtt/home-assistant.ts';
export { CameraTopics } from './outward/mqtt/topics.ts';
export { OnvifEvents } from './outward/mqtt/onvif-events.ts';
export { frameOf } from './outward/mqtt/onvif-metadata.ts';
export { Notifications } from './outward/notifications.ts';
export { Cooldown, hearingOf, isQuiet } from './outward/notify/hearing.ts';
export { signatureOf } from './outward/notify/targets.ts';
export { limitBody } from './request-guard.ts';
export { openApiDocument } from './openapi/openapi.ts';
export { OPERATIONS } from './openapi/operations.ts';
export { Upstream } from './upstream.ts';
