import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOOK_STAGES } from '@ruth/protocol';
import { Claim, ModelAccess, STAGE_BUCKETS_MS, Subscription } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, settled } from './mock-endpoint.ts';

test('the stages of a look follow one another without a gap, and add up to the way from capture to event', async () => {
  const clock = new ManualClock();
  const endpoint = new MockEndpoint('finder');
  endpoint.places = 1;
  const access = new ModelAccess({ modelId: 'finder', clock, endpoint: () => endpoint });
  const totals: number[] = [];
  const subscription = new Subscription({ model: 'finder', desired_fps: 5 }, {
    cameraId: 'front', clock, access, onLook: (look, _frame, budget) => {
      clock.advance(2);
      budget!.tracked();
      clock.advance(1);
      budget!.emitted();
      totals.push(clock.utcMs() - look.captured_at * 1000);
    },
  });
  subscription.start();
  const turn = { requests: 1, atOnce: 1 };
  const other = new Claim(50, () => turn);
  for (let look = 0; look < 100; look++) {
    // 20 ms until it is published, 7 until core notices, 4 until its turn, 31 at the container.
    const capturedAtUs = clock.utcMs() * 1000;
    clock.advance(20);
    const publishedMs = clock.monotonicMs();
    clock.advance(7);
    // Somebody else has the only place.
    access.enter(other);
    subscription.offer({ ...frameOf('front', look), ptsUs: look * 200_000, capturedAtUs, publishedMs });
    clock.advance(4);
    access.leave(other, turn, 'unknown');
    await settled();
    clock.advance(31);
    const asked = endpoint.pending.shift()!;
    asked.answer(answerTo(asked.request, [], { inference_time_ms: 15, preprocess_ms: 5, queue_ms: 3 }));
    await settled();
    clock.advance(135);
  }
  const { stages_ms: stages, latency_ms: latency } = subscription.status();
  assert.deepEqual(Object.fromEntries(LOOK_STAGES.map((stage) => [stage, Math.round(stages![stage].p50)])), {
    published: 20, due: 7, dispatched: 4, queued: 3, preprocessed: 5, inferred: 15, answered: 8, tracked: 2, emitted: 1,
  });
  for (const total of totals) assert.ok(Math.abs(total - 65) < 0.01, `${total}`);
  assert.equal(Math.round(latency!.p50), 62, 'until the answer');

  const histograms = access.histograms.snapshot();
  assert.deepEqual(histograms.map(({ stage }) => stage), [...LOOK_STAGES]);
  for (const { stage, counts, sumMs } of histograms) {
    assert.equal(Array.from(counts).reduce((sum, count) => sum + count, 0), 100, stage);
    const bucket = Array.from(counts).findIndex((count) => count > 0);
    const mean = sumMs / 100;
    assert.ok(mean <= STAGE_BUCKETS_MS[bucket]! + 0.001 && mean > (STAGE_BUCKETS_MS[bucket - 1] ?? 0) - 0.001, `${stage}: mean ${mean} in the bucket up to ${STAGE_BUCKETS_MS[bucket]}`);
  }
  assert.ok(Math.abs(histograms.reduce((sum, { sumMs }) => sum + sumMs, 0) / 100 - 65) < 0.01);
});
