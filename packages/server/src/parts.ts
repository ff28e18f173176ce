// Parts of the server that are tested by themselves.
export { SignInAttempts } from './access/attempts.ts';
export { guardRoutes, ROUTE_TABLE } from './access/index.ts';
export { hashPassword, isPassword } from './access/password.ts';
export { EventKeeper } from './events/event-keeper.ts';
export { EventRecorder } from './events/event-recorder.ts';
export { Upstream } from './upstream.ts';
