// `telemetry:` of ruth.yaml: traces of looks and requests, by OTLP over HTTP. Without it no trace is made and nothing of it is loaded.
import Type, { type Static } from 'typebox';
import { SecretConfig } from './outward-config.ts';

export const TelemetryConfig = Type.Object({
  endpoint: Type.Optional(Type.String({
    pattern: '^https?://[^\\s@?#]+$', maxLength: 512, description: 'Of an OpenTelemetry collector, without credentials, e.g. http://127.0.0.1:4318; /v1/traces is added. OTEL_EXPORTER_OTLP_ENDPOINT, or this machine, unless told',
  })),
  headers: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9!#$%&\'*+.^_`|~-]{1,128}$' }), Type.Union([Type.String({ pattern: '^[^\\r\\n]*$', maxLength: 1024 }), SecretConfig], { description: 'A text that is no secret, or {env: NAME} or {file: path}' }), {
    maxProperties: 16, description: 'Sent with each export, e.g. authorization: {env: OTLP_AUTHORIZATION}',
  })),
  sampling_ratio: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Share of the frames whose looks are traced, and of requests; 0.01 unless told' })),
}, { additionalProperties: false, description: 'OpenTelemetry traces, by OTLP over HTTP; without this section none are made' });
export type TelemetryConfig = Static<typeof TelemetryConfig>;
