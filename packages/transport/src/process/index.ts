// How a process starts, logs and ends. Loads no schemas.
export * from './logger.ts';
export * from './repeated-warning.ts';
export * from './run-process.ts';
