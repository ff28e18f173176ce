// Spans on their way to an OpenTelemetry collector (OTLP over HTTP, JSON), by OpenTelemetry's own SDK, which is loaded where it is asked for and nowhere
// else. Spans are told when they have ended. What waits is bounded: a trace that finds no room is not begun, and counted; what the collector does not
// take is counted and let go. Nobody waits for a collector, except a process that ends, for two seconds.
import { hostname } from 'node:os';
import { redactUrls, RuthError, type TelemetryConfig } from '@ruth/protocol';
import type * as Api from '@opentelemetry/api';
import type { Context, HrTime, SpanKind, Tracer } from '@opentelemetry/api';
import type { IdGenerator, SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from '../process/logger.ts';
import type { ReadSecret } from '../process/secret.ts';
import type { SpanId } from './look-trace-id.ts';

const DEFAULT_RATIO = 0.01;
const MOST_WAITING = 4096;
/** Spans are turned into JSON by this many, a few milliseconds at a time. */
const BATCH = 128;
const DELAY_MS = 5000;
const SHUTDOWN_LIMIT_MS = 2000;
const SAY_EVERY_MS = 60_000;
/** ExportResultCode.SUCCESS, of a package that only brings it. */
const SUCCESS = 0;

/** A span that has ended. */
export interface EndedSpan {
  /** Of few values: no ids. */
  readonly name: string;
  /** `server`: somebody's request was answered. */
  readonly kind?: 'internal' | 'server';
  /** UTC, milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Its own ids, where they follow from what it is of; made up unless told. */
  readonly id?: SpanId;
  readonly parent?: SpanId;
  /** A span of another trace that led to it. */
  readonly link?: SpanId;
  /** What went wrong, without secrets; nothing unless told. */
  readonly error?: string;
}

export interface TelemetryOptions {
  readonly config: TelemetryConfig;
  /** `core`, `server`. */
  readonly process: string;
  readonly version: string;
  readonly logger: Logger;
  readonly readSecret: ReadSecret;
  /** Spans that may wait; 4096 unless told. */
  readonly mostWaiting?: number;
  /** Until what has ended is sent, where it is less than a batch; 5 s unless told. */
  readonly delayMs?: number;
  /** For one export with all its retries; 10 s unless told here or by OTEL_EXPORTER_OTLP_TIMEOUT. */
  readonly exportTimeoutMs?: number;
  readonly monotonicMs?: () => number;
}

export class Telemetry implements AsyncDisposable {
  /** Share of frames and requests that are traced. */
  readonly ratio: number;
  /** Spans, and traces that were not begun. */
  readonly counters = { exported: 0, failed: 0, refused: 0 };
  readonly #options: TelemetryOptions;
  readonly #api: typeof Api;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #ids: GivenIds;
  #waiting = 0;
  #saidMs = -Infinity;

  /** Loads the SDK. Throws `invalid_config` where a secret of a header is not there. */
  static async start(options: TelemetryOptions): Promise<Telemetry> {
    const { config, readSecret } = options;
    const headers = await Promise.all(Object.entries(config.headers ?? {}).map(async ([name, value]) => [name, typeof value === 'string' ? value : await readSecret(value)] as const));
    return new Telemetry(options, Object.fromEntries(headers), await loadSdk());
  }

  private constructor(options: TelemetryOptions, headers: Record<string, string>, { api, sdk, resources, otlp }: Awaited<ReturnType<typeof loadSdk>>) {
    const { config, process: name, version, mostWaiting = MOST_WAITING, delayMs = DELAY_MS, exportTimeoutMs } = options;
    this.#options = options;
    this.#api = api;
    this.ratio = config.sampling_ratio ?? DEFAULT_RATIO;
    this.#ids = new GivenIds(new sdk.RandomIdGenerator());
    // What is not told here it takes from OTEL_EXPORTER_OTLP_*.
    const exporter = new otlp.OTLPTraceExporter({ ...(config.endpoint === undefined ? {} : { url: `${config.endpoint.replace(/\/+$/, '')}/v1/traces` }), headers, ...(exportTimeoutMs === undefined ? {} : { timeoutMillis: exportTimeoutMs }) });
    this.#provider = new sdk.TracerProvider({
      resource: resources.resourceFromAttributes({ 'service.name': `ruth-${name}`, 'service.version': version, 'host.name': hostname() }).merge(resources.detectResources({ detectors: [resources.envDetector] })),
      // What is traced is known before there is a span.
      sampler: new sdk.AlwaysOnSampler(), idGenerator: this.#ids,
      spanProcessors: [new sdk.BatchSpanProcessor({ exporter: this.#counted(exporter), maxQueueSize: mostWaiting, maxExportBatchSize: Math.min(BATCH, mostWaiting), scheduledDelayMillis: delayMs })],
    });
    this.#tracer = this.#provider.getTracer('ruth', version);
  }

  /** Spans that the collector has neither taken nor refused. */
  get waiting(): number { return this.#waiting; }

  /** Whether there is room for a trace of so many spans; counted where there is none. */
  admits(spans: number): boolean {
    const fits = this.#waiting + spans <= (this.#options.mostWaiting ?? MOST_WAITING);
    if (!fits) this.counters.refused++;
    return fits;
  }

  /** To be called for the spans of a trace that was admitted. Returns the ids of the span. */
  add({ name, kind = 'internal', startMs, endMs, attributes, id, parent, link, error }: EndedSpan): SpanId {
    const { ROOT_CONTEXT, SpanKind: kinds, SpanStatusCode } = this.#api;
    this.#waiting++;
    this.#ids.next = id ?? null;
    const span = this.#tracer.startSpan(name, {
      kind: (kind === 'server' ? kinds.SERVER : kinds.INTERNAL) satisfies SpanKind, startTime: hrTime(startMs), ...(attributes && { attributes }), ...(link && { links: [{ context: this.#sampled(link) }] }),
    }, parent ? this.#under(parent) : ROOT_CONTEXT);
    this.#ids.next = null;
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: redactUrls(error) });
    span.end(hrTime(Math.max(startMs, endMs)));
    return span.spanContext();
  }

  /** Sends what waits, for two seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, SHUTDOWN_LIMIT_MS);
    await Promise.race([this.#provider.shutdown().catch(() => undefined), limit.promise]);
    clearTimeout(timer);
  }

  #sampled({ traceId, spanId }: SpanId) { return { traceId, spanId, traceFlags: this.#api.TraceFlags.SAMPLED, isRemote: true }; }

  #under(parent: SpanId): Context { return this.#api.trace.setSpanContext(this.#api.ROOT_CONTEXT, this.#sampled(parent)); }

  #counted(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => exporter.export(spans, (result) => {
        this.#waiting -= spans.length;
        if (Number(result.code) === SUCCESS) this.counters.exported += spans.length;
        else this.#failed(spans.length, result.error);
        done(result);
      }),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    };
  }

  /** The text of such an error may hold what was sent, or what a stranger answered: its code alone is told. */
  #failed(spans: number, error: unknown): void {
    this.counters.failed += spans;
    const { logger, monotonicMs = () => performance.now() } = this.#options;
    if (monotonicMs() - this.#saidMs < SAY_EVERY_MS) return;
    this.#saidMs = monotonicMs();
    const { code } = (error ?? {}) as { code?: unknown };
    const why = typeof code === 'number' ? `it answers with status ${code}` : typeof code === 'string' ? code : 'it does not answer as it should';
    logger.warn({ spans_failed: this.counters.failed }, `the collector does not take traces: ${why}; spans are let go until it does`);
  }
}

/** Null where no traces are asked for. What cannot be is told to the log, and nothing is traced then: nothing else depends on it. */
export async function startTelemetry(options: Omit<TelemetryOptions, 'config'> & { readonly config: TelemetryConfig | null }): Promise<Telemetry | null> {
  const { config, logger } = options;
  if (config === null) return null;
  try {
    return await Telemetry.start({ ...options, config });
  } catch (cause) {
    const { code, message } = RuthError.from(cause);
    logger.error({ code }, `nothing is traced: telemetry: ${message}`);
    return null;
  }
}

async function loadSdk() {
  const [api, sdk, resources, otlp] = await Promise.all([import('@opentelemetry/api'), import('@opentelemetry/sdk-trace'), import('@opentelemetry/resources'), import('@opentelemetry/exporter-trace-otlp-http')]);
  return { api, sdk, resources, otlp };
}

/** Ids of the next span where they are given. */
class GivenIds implements IdGenerator {
  next: SpanId | null = null;
  readonly #random: IdGenerator;
  constructor(random: IdGenerator) { this.#random = random; }
  generateTraceId(): string { return this.next?.traceId ?? this.#random.generateTraceId(); }
  generateSpanId(): string { return this.next?.spanId ?? this.#random.generateSpanId(); }
}

/** A number would be taken for a time since the start of the process where it is small enough. */
function hrTime(utcMs: number): HrTime {
  const seconds = Math.floor(utcMs / 1000);
  return [seconds, Math.floor((utcMs - seconds * 1000) * 1e6)];
}
