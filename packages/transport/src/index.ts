// Moves bytes between processes: frames through shared memory, messages through Unix sockets, ordered events over HTTP; and how
// a process starts and ends.
export { gpuFiles, replaceStandardInput, startConfined, systemFiles, type Confinement } from './confine/confine.ts';
export type { FileRule } from './confine/landlock.ts';
export { refusePrograms } from './confine/seccomp.ts';
export * from './events/index.ts';
export * from './ipc/index.ts';
export * from './process/logger.ts';
export * from './process/metrics.ts';
export * from './process/run-process.ts';
export * from './ring/index.ts';
