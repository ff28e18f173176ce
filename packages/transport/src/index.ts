// Moves bytes between processes: frames through shared memory, messages through Unix sockets, ordered events over HTTP; how
// a process starts and ends, and what it tells of its work.
export * from './addresses/address-policy.ts';
export * from './addresses/camera-urls.ts';
export * from './confine/index.ts';
export * from './events/index.ts';
export * from './fmp4/index.ts';
export * from './ipc/index.ts';
export * from './process/ask.ts';
export * from './process/index.ts';
export * from './process/load-settings.ts';
export * from './process/metrics.ts';
export * from './process/node-of-site.ts';
export * from './process/process-server.ts';
export * from './process/sealed.ts';
export * from './process/process-usage.ts';
export * from './process/secret.ts';
export * from './process/whole-file.ts';
export * from './ring/index.ts';
export * from './telemetry/index.ts';
