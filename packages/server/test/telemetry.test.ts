// What a collector is sent of the server: requests by their route, and the storing of events in the trace of the look they are of.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { coreSocketPath, type CoreEvent } from '@ruth/protocol';
import { startServer } from '@ruth/server';
import { createLogger, EventLog, lookTraceId, secretReader, streamEvents, Telemetry } from '@ruth/transport';
import { fastify } from 'fastify';
import { startCollector, valueOf } from '../../transport/test/collector.ts';
import { everyone, look, until } from './stand-ins.ts';

test('requests are traced by their route without ids and queries, and storing an event is part of the trace of its look', async () => {
  await using collector = await startCollector();
  const logger = createLogger('test', 'silent');
  const telemetry = await Telemetry.start({ config: { endpoint: collector.endpoint, sampling_ratio: 1 }, process: 'server', version: '1', logger, readSecret: secretReader({}), delayMs: 50 });
  const directory = mkdtempSync(join(tmpdir(), 'ruth-telemetry-'));
  const log = new EventLog<CoreEvent>({ utcMs: Date.now });
  const stop = new AbortController();
  await using core = fastify({ forceCloseConnections: true });
  core.get('/v1/events', async (request, reply) => {
    reply.hijack();
    await streamEvents(log, Number(request.headers['last-event-id']), reply.raw, stop.signal);
  });
  await core.listen({ path: coreSocketPath(directory) });
  {
    await using server = await startServer({ host: '127.0.0.1', port: 0, socketDirectory: directory, models: [], pageDirectory: directory, identify: async () => everyone, store: { kind: 'sqlite', file: join(directory, 'ruth.sqlite') }, logger, telemetry });
    const capturedAt = 1_767_614_400.123456;
    const track = { id: 1, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1] as [number, number, number, number], first_seen: capturedAt, last_seen: capturedAt };
    log.append({ type: 'zone.entered', camera_id: 'front', model_id: 'finder', frame_id: 31, captured_at: capturedAt, recording_at: capturedAt, zone: 'yard', track });
    // Neither is stored.
    log.append({ type: 'detection', look: look('front', 'finder', 32) });
    log.append({ type: 'model.up', model_id: 'finder', reason: null });
    await until(() => collector.spans.some(({ name }) => name === 'store event'), 'the event is stored and told');
    const id = lookTraceId({ cameraId: 'front', frameId: 31, capturedAtUs: 1_767_614_400_123_456 }, 'finder');
    const stored = collector.spans.filter(({ name }) => name === 'store event');
    assert.deepEqual(stored.map((span) => [span.traceId, span.parentSpanId, valueOf(span, 'ruth.event'), valueOf(span, 'ruth.camera'), valueOf(span, 'ruth.frame_id')]), [[id.traceId, id.spanId, 'zone.entered', 'front', 31]]);

    for (const path of ['/api/v1/cameras/s3cret-camera/scene?token=s3cret', '/api/v1/events?limit=1', '/nothing/s3cret']) await fetch(`${server.url}${path}`, { headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, authorization: 'Bearer s3cret' } });
    assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^ruth_server_spans_exported_total [1-9]/m);
    await until(() => collector.spans.filter(({ kind }) => kind === 2).length >= 4, 'the requests are told');
  }
  stop.abort();
  await telemetry[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
  const requests = collector.spans.filter(({ kind }) => kind === 2).map((span) => [span.name, valueOf(span, 'http.response.status_code'), span.status.code ?? 0]);
  assert.deepEqual(requests, [['GET /api/v1/cameras/:id/scene', 500, 2], ['GET /api/v1/events', 200, 0], ['GET', 404, 0], ['GET /metrics', 200, 0]]);
  assert.ok(collector.spans.every(({ traceId }) => traceId !== 'a'.repeat(32)), 'a stranger does not say which trace it is');
  assert.doesNotMatch(collector.requests.map(({ text }) => text).join(), /s3cret/);
});
