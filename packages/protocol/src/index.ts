// The contracts between Ruth's processes. No I/O; runs in a browser too.
export * from './camera-control.ts';
export * from './camera-url.ts';
export * from './config.ts';
export * from './control.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './ids.ts';
export * from './inference.ts';
export * from './manifest.ts';
export * from './published-schemas.ts';
export * from './recording.ts';
export * from './ring-layout.ts';
export * from './settings.ts';
export * from './system-health.ts';
export * from './validation.ts';
export * from './webrtc.ts';
export * from './yaml-document.ts';
