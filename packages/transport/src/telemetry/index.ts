// Traces for OpenTelemetry, where they are asked for.
export * from './look-trace-id.ts';
export * from './telemetry.ts';
export * from './telemetry-metrics.ts';
