import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import fc from 'fast-check';
import { Subscription } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { optionsOf, subscribed } from './subscribed.ts';

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

test('a subscription\'s own deadline travels with the request', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription } = subscribed(endpoint, { config: { deadline_ms: 123 } });
  subscription.offer(frameOf('front', 0));
  await settled();
  assert.equal(endpoint.pending[0]!.request.config?.deadline_ms, 123);
  await subscription.stop();
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
