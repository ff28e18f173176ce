import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TelemetryConfig } from '@ruth/protocol';
import { createLogger, isTraced, lookTraceId, secretReader, startTelemetry, Telemetry, type TelemetryOptions } from '../src/index.ts';
import { durationMs, startCollector, valueOf } from './collector.ts';

/** What was logged, line by line. */
function logged(): { lines: string[]; logger: TelemetryOptions['logger'] } {
  const lines: string[] = [];
  return { lines, logger: createLogger('test', 'debug', { write: (line: string) => { lines.push(line); } }) };
}

const start = (config: TelemetryConfig, over: Partial<TelemetryOptions> = {}): Promise<Telemetry> => Telemetry.start({
  config, process: 'core', version: '1.2.3', logger: logged().logger, readSecret: secretReader({ OTLP_TOKEN: 'Bearer s3cret' }), delayMs: 20, ...over,
});

async function until(wanted: () => boolean): Promise<void> {
  while (!wanted()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('spans reach a collector as they were told: times, parents, links, errors, and headers of which one is a secret', async () => {
  await using collector = await startCollector();
  const telemetry = await start({ endpoint: `${collector.endpoint}/`, headers: { authorization: { env: 'OTLP_TOKEN' }, 'x-tenant': 'north' } });
  const id = lookTraceId({ cameraId: 'front', frameId: 7, capturedAtUs: 1_700_000_000_000_000 }, 'finder');
  const other = lookTraceId({ cameraId: 'front', frameId: 7, capturedAtUs: 1_700_000_000_000_000 }, 'other');
  assert.ok(telemetry.admits(2));
  // Before this process was there: no relative time.
  const parent = telemetry.add({ name: 'look', startMs: 1000, endMs: 1250.5, id, link: other, attributes: { 'ruth.camera': 'front', 'ruth.frame_id': 7 } });
  telemetry.add({ name: 'inferred', kind: 'server', startMs: 1100, endMs: 1200, parent, error: 'rtsp://joe:pass@host/1 is gone' });
  assert.equal(telemetry.waiting, 2);
  await telemetry[Symbol.asyncDispose]();
  const [look, inferred] = collector.spans;
  assert.deepEqual([look!.traceId, look!.spanId, look!.parentSpanId, look!.name, look!.service], [id.traceId, id.spanId, undefined, 'look', 'ruth-core']);
  assert.deepEqual([look!.startTimeUnixNano, durationMs(look!), valueOf(look!, 'ruth.frame_id'), look!.links![0]!.spanId], ['1000000000', 250.5, 7, other.spanId]);
  assert.deepEqual([inferred!.traceId, inferred!.parentSpanId, inferred!.kind, inferred!.status.code], [id.traceId, id.spanId, 2, 2]);
  assert.notEqual(inferred!.spanId, id.spanId);
  const [{ path, headers, text }] = collector.requests as [(typeof collector.requests)[number]];
  assert.deepEqual([path, headers.authorization, headers['x-tenant']], ['/v1/traces', 'Bearer s3cret', 'north']);
  assert.doesNotMatch(text, /joe|pass/);
  assert.deepEqual([telemetry.counters, telemetry.waiting], [{ exported: 2, failed: 0, refused: 0 }, 0]);
});

test('a trace that finds no room is not begun and is counted; there is room again when the collector has taken what waited', async () => {
  await using collector = await startCollector();
  await using telemetry = await start({ endpoint: collector.endpoint }, { mostWaiting: 10 });
  const trace = (): boolean => {
    const admitted = telemetry.admits(4);
    for (let span = 0; admitted && span < 4; span++) telemetry.add({ name: 'x', startMs: 1, endMs: 2 });
    return admitted;
  };
  assert.deepEqual([trace(), trace(), trace()], [true, true, false]);
  assert.deepEqual([telemetry.counters.refused, telemetry.waiting], [1, 8]);
  await until(() => telemetry.waiting === 0);
  assert.ok(trace());
  await until(() => telemetry.waiting === 0);
  assert.deepEqual(telemetry.counters, { exported: 12, failed: 0, refused: 1 });
});

test('a collector that refuses costs the spans, counted, and one line a minute that tells no secret', async () => {
  await using collector = await startCollector();
  collector.status = 401;
  const { lines, logger } = logged();
  let nowMs = 0;
  await using telemetry = await start({ endpoint: collector.endpoint, headers: { authorization: { env: 'OTLP_TOKEN' } } }, { logger, monotonicMs: () => nowMs });
  const add = async (): Promise<void> => {
    const { failed } = telemetry.counters;
    telemetry.admits(1);
    telemetry.add({ name: 'x', startMs: 1, endMs: 2 });
    await until(() => telemetry.counters.failed === failed + 1);
  };
  for (let round = 0; round < 3; round++) await add();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /status 401/);
  nowMs = 60_000;
  await add();
  assert.equal(lines.length, 2);
  assert.deepEqual([telemetry.counters, telemetry.waiting], [{ exported: 0, failed: 4, refused: 0 }, 0]);
  assert.doesNotMatch(lines.join(), /s3cret|Bearer/);
});

test('a collector that never answers does not hold up the end of a process', async () => {
  await using collector = await startCollector();
  collector.status = null;
  const telemetry = await start({ endpoint: collector.endpoint }, { delayMs: 60_000, exportTimeoutMs: 2100 });
  telemetry.add({ name: 'x', startMs: 1, endMs: 2 });
  await telemetry[Symbol.asyncDispose]();
  assert.deepEqual([collector.requests.length, telemetry.waiting], [1, 1]);
});

test('without the section nothing is begun; a secret that is not there is said, and all but traces goes on', async () => {
  const { lines, logger } = logged();
  const options = { process: 'core', version: '1', logger, readSecret: secretReader({}) };
  assert.equal(await startTelemetry({ ...options, config: null }), null);
  assert.deepEqual(lines, []);
  assert.equal(await startTelemetry({ ...options, config: { headers: { authorization: { env: 'NOT_THERE' } } } }), null);
  assert.match(lines.join(), /nothing is traced: telemetry: the environment variable NOT_THERE is not set/);
});

test('the share of frames that are traced is the one asked for, whatever cameras and rates are, and all models of a frame agree', () => {
  for (const ratio of [0.01, 0.25]) {
    for (const fps of [1, 5, 25]) {
      let traced = 0;
      for (let camera = 0; camera < 20; camera++) {
        for (let frameId = 0; frameId < 5000; frameId++) if (isTraced({ cameraId: `camera-${camera}`, frameId, capturedAtUs: 1.7e15 + Math.round(frameId * 1e6 / fps) }, ratio)) traced++;
      }
      // Six standard deviations of 100,000 throws.
      assert.ok(Math.abs(traced / 100_000 - ratio) < 6 * Math.sqrt(ratio * (1 - ratio) / 100_000), `${traced} of 100000 at ${ratio} and ${fps} fps`);
    }
  }
  const frame = { cameraId: 'front', frameId: 1, capturedAtUs: 2 };
  assert.deepEqual([isTraced(frame, 0), isTraced(frame, 1)], [false, true]);
  const ids = new Set([lookTraceId(frame, 'a'), lookTraceId(frame, 'b'), lookTraceId({ ...frame, frameId: 12 }, 'a'), lookTraceId({ ...frame, capturedAtUs: 3 }, 'a')].map(({ traceId }) => traceId));
  assert.equal(ids.size, 4);
  assert.deepEqual(lookTraceId({ ...frame }, 'a'), lookTraceId(frame, 'a'));
  assert.match(lookTraceId(frame, 'a').traceId, /^[0-9a-f]{32}$/);
  assert.match(lookTraceId(frame, 'a').spanId, /^[0-9a-f]{16}$/);
});
