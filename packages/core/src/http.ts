// Core's HTTP API, for its Unix socket: health, models, intent, cameras and subscriptions, latest detections, metrics, and the stream of events.
import { assertId, CameraSubscriptions, Intent, RuleTestRequest, RuthError, validator, type ErrorBody, type IntentStatus, type ProcessHealth } from '@ruth/protocol';
import { Metrics, METRICS_CONTENT_TYPE, processMetrics, streamEvents, telemetryMetrics, type EventStreamOptions, type Telemetry } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import packageJson from '../package.json' with { type: 'json' };
import type { Core } from './core.ts';
import { CORE_METRICS } from './metrics.ts';

const MAX_EVENT_CONSUMERS = 64;
/** 1024 cameras with all that can be intended for them. */
const MAX_INTENT_BYTES = 32 * 1024 * 1024;
const cameraSubscriptions = validator(CameraSubscriptions);
const intent = validator(Intent);
const ruleTestRequest = validator(RuleTestRequest);
const MAX_RULE_TEST_BYTES = 512 * 1024;

/** The API, not yet listening. `signal` ends the streams of events, which would otherwise hold it open. */
export function createHttp(core: Core, signal: AbortSignal, streamOptions: EventStreamOptions = {}, telemetry: Telemetry | null = null): FastifyInstance {
  const app = fastify({ forceCloseConnections: true });
  const startedAtMs = performance.now();
  let consumers = 0;

  app.setErrorHandler((cause, _request, reply) => {
    const status = (cause as { statusCode?: number }).statusCode;
    const error = RuthError.from(cause, status !== undefined && status < 500 ? 'bad_request' : 'internal');
    return reply.status(error.httpStatus).send({ error: error.message, error_code: error.code, advice: error.advice } satisfies ErrorBody);
  });
  app.setNotFoundHandler((request) => { throw new RuthError('not_found', `there is no ${request.method} ${request.url}`); });

  app.get('/v1/health', (): ProcessHealth => ({
    process: 'core', status: signal.aborted ? 'stopping' : 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAtMs,
  }));
  const metrics = new Metrics('ruth_core_', () => ({ models: core.models(), subscriptions: core.subscriptions(), cameras: core.agents.length, eventConsumers: consumers, latencies: core.stageHistograms() }), [...CORE_METRICS, ...telemetryMetrics(telemetry), ...processMetrics()]);
  app.get('/v1/metrics', async (_request, reply) => reply.type(METRICS_CONTENT_TYPE).send(await metrics.text()));
  app.get('/v1/models', () => core.models());
  for (const [method, isExpected] of [['PUT', true], ['DELETE', false]] as const) {
    app.route({ method, url: '/v1/models/:id', handler: (request, reply) => {
      core.expectModel(assertId((request.params as { id: string }).id, 'model'), isExpected);
      return reply.code(204).send();
    } });
  }
  app.get('/v1/subscriptions', () => core.subscriptions());
  app.get('/v1/latencies', () => core.latencies());
  app.get('/v1/intent', () => core.intent());
  app.put('/v1/intent', { bodyLimit: MAX_INTENT_BYTES }, async (request): Promise<IntentStatus> => {
    await core.putIntent(intent.parse(request.body));
    return core.intent();
  });
  app.put('/v1/cameras/:id', async (request, reply) => {
    const id = assertId((request.params as { id: string }).id, 'camera');
    const ofCamera = cameraSubscriptions.parse(request.body);
    if (ofCamera.subscriptions.some(({ camera }) => camera !== id && camera !== '*')) throw new RuthError('bad_request', `subscriptions of ${id} name another camera`);
    await core.putCamera(id, ofCamera);
    return reply.code(204).send();
  });
  app.delete('/v1/cameras/:id', async (request, reply) => {
    await core.removeCamera(assertId((request.params as { id: string }).id, 'camera'));
    return reply.code(204).send();
  });
  app.get('/v1/cameras/:id/scene', (request) => core.scene(assertId((request.params as { id: string }).id, 'camera')));
  app.post('/v1/cameras/:id/rules/test', { bodyLimit: MAX_RULE_TEST_BYTES }, (request, reply) => {
    const id = assertId((request.params as { id: string }).id, 'camera');
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return core.testRules(id, ruleTestRequest.parse(request.body), AbortSignal.any([signal, gone.signal]));
  });
  app.get('/v1/detections/latest', (request) => core.latest(assertId((request.query as Record<string, unknown>).camera, 'camera')));
  app.get('/v1/events', async (request, reply) => {
    const asked = request.headers['last-event-id'];
    if (asked !== undefined && !/^\d{1,16}$/.test(String(asked))) throw new RuthError('bad_request', 'Last-Event-ID is not an id of an event');
    if (consumers >= MAX_EVENT_CONSUMERS) throw new RuthError('overloaded', `${consumers} consumers follow the events already`);
    consumers++;
    reply.hijack();
    try {
      await streamEvents(core.events, asked === undefined ? core.events.newestId : Number(asked), reply.raw, signal, streamOptions);
    } finally {
      consumers--;
    }
  });
  return app;
}
