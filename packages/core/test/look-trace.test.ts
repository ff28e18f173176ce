// What a collector is sent of looks: over real HTTP, each due frame once, stage by stage as the budget has it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_CAUSES, LOOK_STAGES, type CameraSubscription } from '@ruth/protocol';
import { isTraced, lookTraceId, secretReader, Telemetry } from '@ruth/transport';
import { durationMs, startCollector, valueOf, type Collector, type ReceivedSpan } from '../../transport/test/collector.ts';
import { ModelAccess, Subscription } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, silent, StandInKernel, standInContainer } from './stand-ins.ts';

const telemetryTo = ({ endpoint }: Collector, ratio: number): Promise<Telemetry> => Telemetry.start({
  config: { endpoint, sampling_ratio: ratio }, process: 'core', version: '1', logger: silent, readSecret: secretReader({}), delayMs: 50,
});

function subscriptionOf(telemetry: Telemetry, clock: ManualClock, settings: CameraSubscription): { subscription: Subscription; endpoint: MockEndpoint } {
  const endpoint = new MockEndpoint(settings.model);
  const subscription = new Subscription(settings, {
    cameraId: 'front', clock, access: new ModelAccess({ modelId: settings.model, clock, telemetry, endpoint: () => endpoint }), onLook: (_look, _frame, budget) => {
      clock.advance(2);
      budget?.tracked();
      clock.advance(1);
      budget?.emitted();
    },
  });
  subscription.start();
  return { subscription, endpoint };
}

test('a look is one trace: its stages follow one another from capture to event, and what it came of is linked', async () => {
  await using collector = await startCollector();
  const telemetry = await telemetryTo(collector, 1);
  const clock = new ManualClock();
  const { subscription, endpoint } = subscriptionOf(telemetry, clock, { model: 'poser', desired_fps: 5, regions: { model: 'finder' } });
  const capturedAtUs = Math.round(clock.utcMs() * 1000);
  clock.advance(20);
  const frame = { ...frameOf('front', 3), capturedAtUs, publishedMs: clock.monotonicMs() };
  clock.advance(7);
  subscription.offer(frame, [person(0.2)]);
  await settled();
  clock.advance(31);
  const asked = endpoint.pending.shift()!;
  asked.answer(answerTo(asked.request, [], { inference_time_ms: 15, preprocess_ms: 5, queue_ms: 3 }));
  await settled();
  await settled();
  await telemetry[Symbol.asyncDispose]();

  const id = lookTraceId({ cameraId: 'front', frameId: 3, capturedAtUs }, 'poser');
  assert.deepEqual(new Set(collector.spans.map(({ traceId }) => traceId)), new Set([id.traceId]));
  const [look, ...stages] = collector.spans as [ReceivedSpan, ...ReceivedSpan[]];
  assert.deepEqual([look.name, look.spanId, look.status.code ?? 0, valueOf(look, 'ruth.camera'), valueOf(look, 'ruth.model'), valueOf(look, 'ruth.frame_id')], ['look', id.spanId, 0, 'front', 'poser', 3]);
  assert.deepEqual(look.links!.map(({ traceId, spanId }) => ({ traceId, spanId })), [lookTraceId(frame, 'finder')]);
  assert.deepEqual(stages.map(({ name, parentSpanId }) => [name, parentSpanId]), LOOK_STAGES.map((stage) => [stage, id.spanId]));
  assert.deepEqual(stages.map((stage) => Math.round(durationMs(stage))), [20, 7, 0, 3, 5, 15, 8, 2, 1]);
  assert.ok(Math.abs(durationMs(look) - 61) < 0.01);
  for (const [index, stage] of stages.entries()) assert.equal(stage.startTimeUnixNano, index === 0 ? look.startTimeUnixNano : stages[index - 1]!.endTimeUnixNano);
});

test('a frame that is not looked at, and a look that fails, end with their cause; of frames that are not traced nothing is sent', async () => {
  await using collector = await startCollector();
  const telemetry = await telemetryTo(collector, 0.25);
  const clock = new ManualClock();
  const { subscription, endpoint } = subscriptionOf(telemetry, clock, { model: 'finder', desired_fps: 25 });
  const traced = Array.from({ length: 200 }, (_, index) => frameOf('front', index)).filter((frame) => isTraced(frame, 0.25)).map(({ frameId }) => frameId);
  // Each look takes the time of three frames: one is asked about, one is replaced, one waits and is the next.
  for (let index = 0; index < 200; index++) {
    subscription.offer(frameOf('front', index));
    if (index % 3 === 2) endpoint.pending.shift()?.answer({ ...answerTo({ camera_id: 'front', model_id: 'finder', frame_metadata: { frame_id: 0 } } as never), error: 'no such format', error_code: 'unsupported_format' });
    await settled();
  }
  await subscription.stop();
  await telemetry[Symbol.asyncDispose]();
  const { failed, drops } = subscription.status();
  assert.ok(failed > 50 && drops.busy! > 50, JSON.stringify({ failed, drops }));
  assert.deepEqual(collector.spans.map((span) => Number(valueOf(span, 'ruth.frame_id'))).toSorted((a, b) => a - b), traced, 'each traced frame once');
  for (const span of collector.spans) {
    assert.equal(span.status.code, 2);
    const drop = valueOf(span, 'ruth.drop');
    if (drop === undefined) assert.deepEqual([valueOf(span, 'error.type'), span.status.message], ['unsupported_format', 'no such format']);
    else assert.ok(DROP_CAUSES.some((cause) => cause === drop), String(drop));
  }
  assert.ok(collector.spans.some((span) => valueOf(span, 'ruth.drop') === 'busy') && collector.spans.some((span) => valueOf(span, 'ruth.drop') === undefined));
});

test('a running core traces every due frame once, as its counters have it, and tells Prometheus what became of the spans', async () => {
  await using collector = await startCollector();
  await using telemetry = await telemetryTo(collector, 1);
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  let requests = 0;
  await using _finder = await standInContainer(place, 'finder', {
    infer: (request) => (++requests % 4 === 0 ? { ...answerTo(request), error: 'too much to do', error_code: 'overloaded' } : answerTo(request, [person(0.3)], { inference_time_ms: 0.1, queue_ms: 0, preprocess_ms: 0.1 })),
  });
  await using running = await startCore(place, { cameras: [{ id: 'front' }] as never, subscriptions: [{ camera: 'front', model: 'finder', desired_fps: 20, active: true }] }, telemetry);
  const ring = ringOf(place, 'front');
  await kernel.until(() => kernel.leases.size === 1);
  await until(() => running.core.models()[0]?.state === 'up', 'the model is up');
  let ptsUs = 0;
  const publishing = setInterval(() => publish(ring, ptsUs += 50_000), 20);
  const status = () => running.core.subscriptions()[0]!;
  try {
    await until(() => status().answered >= 20 && status().drops.overloaded! >= 5, 'looks were answered and refused');
  } finally {
    clearInterval(publishing);
  }
  let due = -1;
  await until(async () => {
    const before = due;
    due = status().due;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return due === before && telemetry.waiting === 0;
  }, 'the last look is over and its trace sent');
  ring.close();
  const { answered, drops } = status();
  const looks = collector.spans.filter(({ name }) => name === 'look');
  assert.equal(looks.length, due);
  assert.equal(new Set(looks.map(({ traceId }) => traceId)).size, due);
  assert.equal(looks.filter((look) => valueOf(look, 'ruth.drop') === undefined).length, answered);
  assert.equal(looks.filter((look) => valueOf(look, 'ruth.drop') === 'overloaded').length, drops.overloaded);
  for (const stage of LOOK_STAGES) assert.equal(collector.spans.filter(({ name }) => name === stage).length, answered, stage);
  const text = await running.text('/v1/metrics');
  assert.match(text, new RegExp(`^ruth_core_spans_exported_total ${collector.spans.length}$`, 'm'));
  assert.match(text, /^ruth_core_traces_refused_total 0$/m);
  assert.ok(collector.spans.every(({ service }) => service === 'ruth-core'));
});
