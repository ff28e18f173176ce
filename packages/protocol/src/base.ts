// What of the contracts needs no schemas: errors, ids, byte layouts. A thread that is started often takes this alone: it loads in
// a few milliseconds, the schemas in some hundred.
export { redactUrls } from './camera-url.ts';
export * from './errors.ts';
export * from './framing.ts';
export * from './ids.ts';
export * from './ring-layout.ts';
