import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Look, RuthError, SubscriptionStatus, validator, type CameraSubscription, type InferRequest } from '@ruth/protocol';
import fc from 'fast-check';
import { ModelAccess, Subscription, type ModelEndpoint, type SubscriptionOptions } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';

const look = validator(Look);
const subscriptionStatus = validator(SubscriptionStatus);

function optionsOf(endpoint: () => ModelEndpoint | null, more: Partial<SubscriptionOptions> = {}): SubscriptionOptions {
  const clock = more.clock ?? new ManualClock();
  return { cameraId: 'front', clock, access: new ModelAccess({ modelId: 'finder', clock, endpoint }), onLook: () => undefined, ...more };
}

function subscribed(endpoint: MockEndpoint | null, settings: Partial<CameraSubscription> = {}) {
  const looks: Look[] = [];
  const clock = new ManualClock();
  const available = { endpoint };
  const subscription = new Subscription(
    { model: 'finder', desired_fps: 25, ...settings },
    optionsOf(() => available.endpoint, { clock, onLook: (made) => looks.push(look.parse(made)) }),
  );
  subscription.start();
  const drops = (): Partial<Record<string, number>> => Object.fromEntries(Object.entries(subscriptionStatus.parse(subscription.status()).drops).filter(([, count]) => count > 0));
  return { subscription, looks, drops, available, clock };
}

test('a due frame is asked about by reference, and the answer becomes a look', async () => {
  const endpoint = new MockEndpoint('finder', (request) => answerTo(request, [person(0.3)]));
  const { subscription, looks } = subscribed(endpoint, { config: { confidence_threshold: 0.4 } });
  subscription.offer(frameOf('front', 7));
  await settled();
  const [first] = looks;
  assert.deepEqual([first?.camera_id, first?.model_id, first?.frame_id, first?.error], ['front', 'finder', 7, null]);
  assert.deepEqual(first?.detections, [person(0.3)]);
  assert.equal(first?.pts_us, 280_000);
});

test('a model that detects and says what it leaves out is asked for doubtful boxes too; one that looks at regions, or says nothing, is not', async () => {
  const thresholds: (number | undefined)[] = [];
  const endpoint = new MockEndpoint('finder', (request) => (thresholds.push(request.config?.confidence_threshold), answerTo(request)));
  for (const [described, settings] of [[0.4, {}], [0.4, { config: { confidence_threshold: 0.8 } }], [null, {}], [null, { config: { confidence_threshold: 0.8 } }], [0.4, { regions: { model: 'other' } }]] as const) {
    endpoint.confidenceThreshold = described;
    subscribed(endpoint, settings).subscription.offer(frameOf('front', 0), [person(0.3)]);
    await settled();
  }
  assert.deepEqual(thresholds, [0.25, 0.5, undefined, 0.8, undefined]);
});

test('while a look is in flight the newest due frame waits, and the one that it replaces is a counted drop', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops } = subscribed(endpoint);
  for (let index = 0; index < 4; index++) subscription.offer(frameOf('front', index));
  await settled();
  assert.equal(endpoint.pending.length, 1);
  assert.deepEqual(drops(), { busy: 2 });
  endpoint.pending[0]!.answer(answerTo(endpoint.pending[0]!.request));
  await settled();
  assert.deepEqual(endpoint.pending.map(({ request }) => request.frame_metadata.frame_id), [0, 3]);
  assert.equal(looks.length, 1);
});

test('a frame that waited until it was overwritten, or past its deadline, is a counted drop and not asked about', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops, clock } = subscribed(endpoint, { config: { deadline_ms: 300 } });
  const there = { is: true };
  subscription.offer(frameOf('front', 0));
  subscription.offer(frameOf('front', 1, () => true, () => there.is));
  there.is = false;
  endpoint.pending.shift()!.answer(answerTo({ frame_reference: '', frame_metadata: { frame_id: 0 }, camera_id: 'front', model_id: 'finder' }));
  await settled();
  assert.deepEqual(drops(), { overwritten: 1 });
  subscription.offer(frameOf('front', 2));
  subscription.offer(frameOf('front', 3));
  clock.advance(301);
  endpoint.pending.shift()!.answer(answerTo({ frame_reference: '', frame_metadata: { frame_id: 2 }, camera_id: 'front', model_id: 'finder' }));
  await settled();
  assert.deepEqual(drops(), { overwritten: 1, deadline: 1 });
  assert.equal(endpoint.pending.length, 0);
  assert.deepEqual(looks.map(({ error_code }) => error_code), [null, 'frame_overwritten', null, 'timeout']);
});

test('what is left of the deadline travels with a request that waited', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, clock } = subscribed(endpoint, { config: { deadline_ms: 300 } });
  subscription.offer(frameOf('front', 0));
  subscription.offer(frameOf('front', 1));
  clock.advance(120);
  endpoint.pending[0]!.answer(answerTo(endpoint.pending[0]!.request));
  await settled();
  assert.equal(endpoint.pending[1]!.request.config?.deadline_ms, 180);
  await subscription.stop();
});

test('a model that fails again and again is not asked any more, but for one trial at a time after pauses that grow', async () => {
  const works = { it: false };
  let asked = 0;
  const endpoint = new MockEndpoint('finder', (request) => (asked++, works.it ? answerTo(request, [person(0.1)]) : { ...answerTo(request), error: 'no', error_code: 'inference_failed' }));
  const { subscription, looks, drops, clock } = subscribed(endpoint);
  let frame = 0;
  const offer = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      subscription.offer(frameOf('front', frame++));
      await settled();
      clock.advance(40);
    }
  };
  await offer(30);
  const atFirst = asked;
  assert.ok(atFirst >= 5 && atFirst <= 8, `${atFirst} requests of 30 frames`);
  await offer(1500);
  assert.ok(asked - atFirst <= 12, `${asked - atFirst} trials in a minute`);
  const dropped = drops().circuit_open!;
  assert.equal(dropped + asked, frame, 'each frame is a look or a counted drop');
  works.it = true;
  await offer(1500);
  assert.ok(drops().circuit_open! < dropped + 900, 'it is asked again within the longest pause');
  assert.deepEqual(looks.at(-1)!.detections, [person(0.1)]);
  assert.equal(subscription.status().shortfall, null);
});

test('due is sent plus the drops at every moment, whatever frames and answers do', async () => {
  const steps = fc.array(fc.constantFrom('frame', 'answer', 'refuse', 'nonsense', 'timeout', 'gone', 'up', 'down', 'overwrite', 'late', 'pause'), { maxLength: 60 });
  await fc.assert(fc.asyncProperty(steps, async (sequence) => {
    const endpoint = new MockEndpoint('finder');
    const { subscription, available, clock } = subscribed(endpoint);
    let frames = 0;
    let overwritten = -1;
    for (const step of sequence) {
      const asked = endpoint.pending.shift();
      const id = frames;
      if (step === 'frame') subscription.offer(frameOf('front', frames++, () => true, () => id > overwritten));
      else if (step === 'overwrite') overwritten = frames - 1;
      else if (step === 'late') clock.advance(1500);
      else if (step === 'pause') {
        subscription.pause();
        subscription.start();
      }
      else if (step === 'up' || step === 'down') available.endpoint = step === 'up' ? endpoint : null;
      else if (step === 'answer') asked?.answer(answerTo(asked.request));
      else if (step === 'refuse') asked?.answer({ ...answerTo(asked.request), error: 'no', error_code: 'inference_failed' });
      else if (step === 'nonsense') asked?.answer({ detections: 'many' });
      else asked?.fail(new RuthError(step === 'timeout' ? 'timeout' : 'unreachable', 'no answer'));
      if (asked && ['frame', 'up', 'down', 'overwrite', 'late', 'pause'].includes(step)) endpoint.pending.unshift(asked);
      await settled();
      const status = subscription.status();
      const dropped = Object.values(status.drops).reduce((sum, count) => sum + count, 0);
      assert.equal(status.due, status.sent + dropped);
      assert.equal(status.sent, status.answered + status.failed);
      const rest = frames - status.due - endpoint.pending.length;
      assert.ok(rest === 0 || (rest === 1 && endpoint.pending.length === 1), 'every frame at the asked rate is accounted for, in flight, or the one that waits');
    }
    await subscription.stop();
    assert.equal(subscription.status().due, frames);
  }), { numRuns: 150 });
});

test('a look that takes too long is dropped with the cause deadline, and is not taken for an empty one', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops } = subscribed(endpoint, { desired_fps: 0.5 });
  subscription.offer(frameOf('front', 0));
  await settled();
  const asked = endpoint.pending[0]!;
  assert.equal(asked.request.config?.deadline_ms, 4000, 'two periods');
  assert.ok(asked.timeoutMs >= 4000);
  asked.fail(new RuthError('timeout', 'no answer'));
  await settled();
  assert.deepEqual(drops(), { deadline: 1 });
  assert.equal(looks[0]?.error_code, 'timeout');
});

test('a subscription\'s own deadline travels with the request', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription } = subscribed(endpoint, { config: { deadline_ms: 123 } });
  subscription.offer(frameOf('front', 0));
  await settled();
  assert.equal(endpoint.pending[0]!.request.config?.deadline_ms, 123);
  await subscription.stop();
});

const nonsense: Record<string, (request: InferRequest) => unknown> = {
  'another camera\'s answer': (request) => ({ ...answerTo(request, [person(0.1)]), camera_id: 'back' }),
  'an answer about another frame': (request) => ({ ...answerTo(request, [person(0.1)]), frame_id: 8 }),
  'another model\'s answer': (request) => ({ ...answerTo(request, [person(0.1)]), model_id: 'other' }),
  'no object': () => 'seen',
  'null': () => null,
  'a box outside the frame': (request) => answerTo(request, [{ ...person(0.1), bbox: [0, 0, 1.5, 1] }]),
  'a box of no numbers': (request) => JSON.parse(JSON.stringify(answerTo(request, [{ ...person(0.1), bbox: [NaN, 0, 1, 1] }]))) as unknown,
  'a box that ends before it begins': (request) => answerTo(request, [{ ...person(0.1), bbox: [0.5, 0.1, 0.2, 0.3] }]),
  'a million detections': (request) => answerTo(request, Array.from({ length: 1e6 }, () => person(0.1))),
};
for (const [what, answer] of Object.entries(nonsense)) {
  test(`${what} is counted as an error and shown to nobody`, async () => {
    const { subscription, looks, drops } = subscribed(new MockEndpoint('finder', answer));
    subscription.offer(frameOf('front', 7));
    await settled();
    assert.deepEqual(drops(), { error: 1 });
    assert.deepEqual(looks.map(({ camera_id, detections, error_code }) => [camera_id, detections, error_code]), [['front', [], 'inference_failed']]);
    assert.match(subscription.status().last_error!.message, /nonsense/);
  });
}

test('a container\'s own error is "could not look", with its code', async () => {
  for (const [code, counted] of [['inference_failed', null], ['unsupported_format', null], ['frame_overwritten', 'overwritten'], ['overloaded', 'overloaded'], ['deadline_exceeded', 'deadline'], ['shutting_down', 'no_container']] as const) {
    const { subscription, looks, drops } = subscribed(new MockEndpoint('finder', (request) => ({ ...answerTo(request), error: 'it could not', error_code: code })));
    subscription.offer(frameOf('front', 0));
    await settled();
    assert.equal(looks[0]?.error_code, code);
    assert.deepEqual(drops(), counted ? { [counted]: 1 } : {});
    assert.equal(subscription.status().failed, counted ? 0 : 1);
  }
});

test('an answer that comes after the ring was replaced is not used: ids began anew', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops } = subscribed(endpoint);
  let current = true;
  subscription.offer(frameOf('front', 0, () => current));
  await settled();
  current = false;
  endpoint.pending[0]!.answer(answerTo(endpoint.pending[0]!.request, [person(0.1)]));
  await settled();
  assert.deepEqual(drops(), { overwritten: 1 });
  assert.deepEqual(looks[0]?.detections, []);
});

test('without a container every due frame is counted, and it is said once for each outage', async () => {
  const { subscription, looks, drops, available } = subscribed(null);
  for (let index = 0; index < 5; index++) subscription.offer(frameOf('front', index));
  assert.deepEqual(drops(), { no_container: 5 });
  assert.deepEqual(looks.map(({ error_code }) => error_code), ['unreachable']);
  available.endpoint = new MockEndpoint('finder', answerTo);
  subscription.offer(frameOf('front', 5));
  await settled();
  available.endpoint = null;
  subscription.offer(frameOf('front', 6));
  assert.deepEqual(looks.map(({ error_code }) => error_code), ['unreachable', null, 'unreachable']);
});

const regions = { model: 'finder', classes: ['person'], max_regions: 3, margin: 0.5 };

test('a model of regions looks at each box of the same frame, and answers one look', async () => {
  const asked: InferRequest[] = [];
  const endpoint = new MockEndpoint('poser', (request) => {
    asked.push(request);
    const [xMin] = request.config!.roi!;
    return answerTo(request, [person(xMin)], { inference_time_ms: 5, preprocess_ms: 1, device: 'cpu' });
  });
  const { subscription, looks } = subscribed(endpoint, { model: 'poser', regions });
  const car = { ...person(0.7), class_name: 'car' };
  subscription.offer(frameOf('front', 3), [person(0.0, 0.5), car, person(0.4, 0.9), person(0.6, 0.8), person(0.8, 0.1)]);
  await settled();
  await settled();
  assert.deepEqual(asked.map(({ frame_metadata }) => frame_metadata.frame_id), [3, 3, 3]);
  const rois = asked.map(({ config }) => config!.roi!.map((edge) => Number(edge.toFixed(3))));
  assert.deepEqual(rois, [[0.35, 0, 0.55, 1], [0.55, 0, 0.75, 1], [0, 0, 0.15, 1]], 'surest first, widened by half on each side, cut at the edge');
  assert.equal(looks.length, 1);
  assert.deepEqual(looks[0]?.detections.map(({ bbox }) => Number(bbox[0].toFixed(3))), [0.35, 0.55, 0]);
  assert.deepEqual(looks[0]?.metadata, { inference_time_ms: 15, preprocess_ms: 3, device: 'cpu' });
});

test('no region is a true answer: an empty look that takes older ones away', async () => {
  const endpoint = new MockEndpoint('poser');
  const { subscription, looks, drops } = subscribed(endpoint, { model: 'poser', regions });
  subscription.offer(frameOf('front', 0), []);
  await settled();
  assert.equal(endpoint.pending.length, 0);
  assert.deepEqual(drops(), { no_regions: 1 });
  assert.deepEqual(looks.map(({ detections, error }) => [detections, error]), [[[], null]]);
});

test('a frame overwritten between two regions makes no half answer', async () => {
  let calls = 0;
  const endpoint = new MockEndpoint('poser', (request) => (calls++ === 1
    ? { ...answerTo(request), error: 'the frame is gone', error_code: 'frame_overwritten' } : answerTo(request, [person(0.1)])));
  const { subscription, looks, drops } = subscribed(endpoint, { model: 'poser', regions });
  subscription.offer(frameOf('front', 0), [person(0), person(0.3), person(0.6)]);
  await settled();
  await settled();
  assert.deepEqual(drops(), { overwritten: 1 });
  assert.deepEqual(looks.map(({ detections, error_code }) => [detections, error_code]), [[[], 'frame_overwritten']]);
});

test('a subscription goes created, running, stopped, and no other way', async () => {
  const endpoint = new MockEndpoint('finder');
  const subscription = new Subscription({ model: 'finder', desired_fps: 5 }, optionsOf(() => endpoint));
  const invalid = { code: 'invalid_state' };
  await assert.rejects(subscription.stop(), invalid);
  subscription.offer(frameOf('front', 0));
  assert.equal(endpoint.pending.length, 0, 'it looks at nothing before it runs');
  subscription.start();
  assert.throws(() => subscription.start(), invalid);
  subscription.offer(frameOf('front', 1));
  await subscription.stop();
  assert.equal(subscription.status().drops.stopped, 1, 'the look in flight was given up');
  await assert.rejects(subscription.stop(), invalid);
  assert.throws(() => subscription.start(), invalid);
});

test('achieved rate and latency are those of the last seconds', async () => {
  const clock = new ManualClock();
  const endpoint = new MockEndpoint('finder', answerTo);
  const subscription = new Subscription({ model: 'finder', desired_fps: 5 }, optionsOf(() => endpoint, { clock }));
  subscription.start();
  for (let index = 0; index < 30 * 25; index++) {
    clock.advance(40);
    subscription.offer({ ...frameOf('front', index), capturedAtUs: (clock.utcMs() - 30) * 1000 });
    await settled();
  }
  const { achieved_fps, latency_ms } = subscription.status();
  assert.ok(Math.abs(achieved_fps - 5) <= 0.2, `${achieved_fps}`);
  assert.deepEqual(latency_ms, { p50: 30, p95: 30 });
  clock.advance(60_000);
  assert.equal(subscription.status().achieved_fps, 0);
});
