// A model that cannot serve all who want it, in simulated time: who is lowered, by how much, and how evenly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError, type CameraSubscription, type InferRequest, type SubscriptionStatus } from '@ruth/protocol';
import { ModelAccess, Subscription, type ModelEndpoint } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, settled } from './mock-endpoint.ts';

const TICK_MS = 5;

interface Wanted extends Pick<CameraSubscription, 'desired_fps' | 'priority'> { readonly streamFps?: number }
interface Outcome { readonly statuses: readonly SubscriptionStatus[]; readonly fps: readonly number[]; /** Between two answers of each, milliseconds. */ readonly longestGapMs: readonly number[]; readonly shortestGapMs: readonly number[]; readonly worstAgeMs: number }

/** `sessions` that take `serviceMs` each serve the wanted looks, of one camera each, for `seconds`. */
async function served(wanted: readonly Wanted[], { sessions = 1, serviceMs = 50, seconds = 60 }: { sessions?: number; serviceMs?: number; seconds?: number } = {}): Promise<Outcome> {
  const clock = new ManualClock();
  const queue: { request: InferRequest; settle: (answer: unknown) => void }[] = [];
  const running: { endMs: number; request: InferRequest; settle: (answer: unknown) => void }[] = [];
  const endpoint: ModelEndpoint = {
    modelId: 'finder', places: sessions + 1,
    request: (message) => new Promise((settle) => { queue.push({ request: message as InferRequest, settle }); }),
  };
  const access = new ModelAccess({ modelId: 'finder', clock, endpoint: () => endpoint });
  const answers = wanted.map((): number[] => []);
  let worstAgeMs = 0;
  const subscriptions = wanted.map(({ streamFps: _, ...settings }, index) => new Subscription({ model: 'finder', ...settings }, {
    cameraId: `camera-${index}`, clock, access, onLook: (look) => {
      if (look.error !== null) return;
      answers[index]!.push(clock.monotonicMs());
      worstAgeMs = Math.max(worstAgeMs, clock.utcMs() - look.captured_at * 1000);
    },
  }));
  for (const subscription of subscriptions) subscription.start();
  const sent = wanted.map((_, index) => ({ frames: 0, nextMs: index * 13 % 200 }));
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += TICK_MS) {
    for (const done of running.filter(({ endMs }) => endMs <= nowMs)) {
      running.splice(running.indexOf(done), 1);
      done.settle(answerTo(done.request));
    }
    await settled();
    for (const [index, camera] of sent.entries()) {
      if (camera.nextMs > nowMs) continue;
      const periodMs = 1000 / (wanted[index]!.streamFps ?? wanted[index]!.desired_fps);
      subscriptions[index]!.offer({ ...frameOf(`camera-${index}`, camera.frames), ptsUs: Math.round(camera.frames++ * periodMs * 1000), capturedAtUs: clock.utcMs() * 1000 });
      camera.nextMs += periodMs;
    }
    while (running.length < sessions && queue.length > 0) running.push({ ...queue.shift()!, endMs: nowMs + serviceMs });
    clock.advance(TICK_MS);
  }
  const gaps = answers.map((times) => times.filter((time) => time > 5000).map((time, index, all) => time - (all[index - 1] ?? time)).slice(1));
  return {
    statuses: subscriptions.map((subscription) => subscription.status()), fps: answers.map(({ length }) => length / seconds),
    longestGapMs: gaps.map((of) => Math.max(...of)), shortestGapMs: gaps.map((of) => Math.min(...of)), worstAgeMs,
  };
}

const times = (count: number, wanted: Wanted): Wanted[] => Array.from({ length: count }, () => wanted);
const near = (value: number, wanted: number, share: number, what: string): void => assert.ok(Math.abs(value - wanted) <= wanted * share, `${what}: ${value}, expected ${wanted}`);

test('a model that can serve all gives each what it desires', async () => {
  const { fps, statuses } = await served(times(3, { desired_fps: 5 }));
  for (const each of fps) near(each, 5, 0.03, 'rate');
  assert.deepEqual(statuses.map(({ shortfall }) => shortfall), [null, null, null]);
});

test('equal cameras are lowered alike, none in bursts, and frames do not grow old in a queue', async () => {
  // 20 looks a second for 50.
  const { fps, longestGapMs, shortestGapMs, statuses, worstAgeMs } = await served(times(10, { desired_fps: 5 }));
  for (const each of fps) near(each, 2, 0.05, 'rate');
  near(fps.reduce((sum, each) => sum + each, 0), 20, 0.02, 'the model never idles');
  for (const gap of longestGapMs) assert.ok(gap <= 750, `no look for ${gap} ms, where 500 are even`);
  for (const gap of shortestGapMs) assert.ok(gap >= 250, `two looks within ${gap} ms, where 500 are even`);
  // The newest frame that was due, a look that is ahead of it in the container, and its own.
  assert.ok(worstAgeMs <= 200 + 3 * 50, `${worstAgeMs} ms old`);
  for (const { shortfall, due, sent, drops } of statuses) {
    assert.equal(shortfall?.cause, 'overloaded');
    assert.equal(due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0));
  }
});

test('who asks for little gets it; the others share the rest alike', async () => {
  const { fps } = await served([...times(4, { desired_fps: 1 }), { desired_fps: 10 }, { desired_fps: 25 }]);
  for (const each of fps.slice(0, 4)) near(each, 1, 0.05, 'modest');
  for (const each of fps.slice(4)) near(each, 8, 0.1, 'greedy');
});

test('those of low priority are lowered first, those of one priority alike, and none is starved', async () => {
  const { fps, longestGapMs } = await served([...times(3, { desired_fps: 5, priority: 100 }), ...times(6, { desired_fps: 5, priority: 0 })]);
  for (const each of fps.slice(0, 3)) near(each, 5, 0.05, 'high');
  for (const each of fps.slice(3)) near(each, 5 / 6, 0.15, 'low');
  for (const gap of longestGapMs.slice(3)) assert.ok(gap <= 2500, `no look for ${gap} ms`);
  // Even where those above would take all there is.
  const scarce = await served([...times(8, { desired_fps: 5, priority: 100 }), ...times(2, { desired_fps: 5, priority: 0 })]);
  for (const each of scarce.fps.slice(8)) assert.ok(each > 0.04, `${each} looks a second: starved`);
  near(scarce.fps[0]!, scarce.fps[7]!, 0.05, 'of one priority');
});

test('twenty points of priority are twice the share', async () => {
  // Of 40 looks a second, 40 / (5 * (1 + 2 + 4)) for each share.
  const { fps } = await served([40, 60, 80].flatMap((priority) => times(5, { desired_fps: 25, priority })), { sessions: 2 });
  for (const [index, each] of fps.entries()) near(each, 40 / 35 * 2 ** Math.floor(index / 5), 0.1, `${index}`);
});

test('several sessions are all kept at work', async () => {
  const { fps } = await served(times(20, { desired_fps: 10 }), { sessions: 4, serviceMs: 40 });
  near(fps.reduce((sum, each) => sum + each, 0), 100, 0.03, 'looks a second of four sessions');
});

test('one camera alone gets all that the model can do, though frames fall due while it looks', async () => {
  const { fps, statuses } = await served([{ desired_fps: 25 }], { serviceMs: 50 });
  near(fps[0]!, 20, 0.03, 'rate');
  assert.equal(statuses[0]!.shortfall?.cause, 'busy');
});

test('a camera that sends fewer frames than desired is told as the reason', async () => {
  const { statuses } = await served([{ desired_fps: 10, streamFps: 4 }]);
  assert.deepEqual([statuses[0]!.shortfall?.cause, Math.round(statuses[0]!.shortfall?.fps ?? 0)], ['too_few_frames', 6]);
});

test('when the container goes down, nobody waits for it', async () => {
  const clock = new ManualClock();
  const pending: ((error: unknown) => void)[] = [];
  const container: { up: ModelEndpoint | null } = { up: { modelId: 'finder', places: 1, request: () => new Promise((_, reject) => { pending.push(reject); }) } };
  const access = new ModelAccess({ modelId: 'finder', clock, endpoint: () => container.up });
  const subscriptions = Array.from({ length: 3 }, (_, index) => new Subscription({ model: 'finder', desired_fps: 5 }, { cameraId: `camera-${index}`, clock, access, onLook: () => undefined }));
  for (const [index, subscription] of subscriptions.entries()) {
    subscription.start();
    subscription.offer(frameOf(`camera-${index}`, 0));
  }
  assert.deepEqual(access.status(), { places: 1, in_flight: 1, waiting: 2, circuit: 'closed' });
  container.up = null;
  pending[0]!(new RuthError('unreachable', 'gone'));
  await settled();
  assert.deepEqual(access.status(), { places: 0, in_flight: 0, waiting: 0, circuit: 'closed' });
  assert.deepEqual(subscriptions.map((subscription) => subscription.status().drops.no_container), [1, 1, 1]);
});
