import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelSocketPath, RuthError, type CameraEvent, type CameraSubscription, type Look } from '@ruth/protocol';
import { KernelClient, LEASE_TTL_MS, ModelAccess, planSubscriptions, PollTimer, StreamAgent, type ModelEndpoint } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { Place, publish, ringOf, silent, StandInKernel } from './stand-ins.ts';

const finder: CameraSubscription = { model: 'finder', desired_fps: 25 };
const poser: CameraSubscription = { model: 'poser', desired_fps: 25, regions: { model: 'finder', classes: ['person'] } };

async function agentOf(place: Place, subscriptions: CameraSubscription[], endpoint: (modelId: string) => ModelEndpoint | null = (modelId) => new MockEndpoint(modelId, (request) => answerTo(request))) {
  const clock = new ManualClock();
  const timer = new PollTimer(clock);
  const kernel = new KernelClient(kernelSocketPath(place.socketDirectory));
  const looks: Look[] = [];
  const granted = Promise.withResolvers<void>();
  const cameraEvents: Pick<CameraEvent, 'type' | 'reason'>[] = [];
  const agent = new StreamAgent({
    cameraId: 'front', ringDirectory: place.ringDirectory, kernel, timer, clock, logger: silent, access: (modelId) => new ModelAccess({ modelId, clock, endpoint: () => endpoint(modelId) }),
    onLook: (look) => (looks.push(look), look), onCamera: ({ type, reason }) => {
      cameraEvents.push({ type, reason });
      granted.resolve();
    },
  });
  const apply = (wanted: CameraSubscription[]): Promise<void> => agent.apply(planSubscriptions({ subscriptions: wanted }, () => true, { at: 0, timeZone: 'UTC' }));
  await apply(subscriptions);
  /** Lets the agent see what is in the ring now, as the timer would. */
  const poll = async (): Promise<void> => {
    clock.advance(500);
    timer.tick();
    await settled();
    await settled();
  };
  return {
    agent, apply, clock, looks, cameraEvents, poll, granted: granted.promise,
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      await kernel[Symbol.asyncDispose]();
    },
  };
}

test('an agent leases frames at the highest rate that its active subscriptions of whole frames want, and gives the lease back', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [{ ...finder, desired_fps: 5 }, { ...finder, model: 'other', desired_fps: 12 }, { ...finder, model: 'paused', desired_fps: 30, active: false }, { ...poser, desired_fps: 60 }]);
  await running.agent.start();
  await kernel.until(() => kernel.puts === 1);
  assert.deepEqual([...kernel.leases.values()], [{ camera_id: 'front', fps: 12, ttl_ms: LEASE_TTL_MS }]);
  await running.agent.stop();
  assert.equal(kernel.leases.size, 0);
});

test('a lease is renewed at a third of its life, under one id', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [finder]);
  await running.agent.start();
  for (let puts = 1; puts <= 4; puts++) {
    await kernel.until(() => kernel.puts === puts);
    // The agent sleeps once it has read the answer.
    while (kernel.puts === puts) {
      await settled();
      running.clock.advance(LEASE_TTL_MS / 3);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  assert.equal(kernel.leases.size, 1);
});

test('every published frame that is due is looked at, and those that follow look at the same frame', async () => {
  await using place = await Place.make();
  await using _kernel = await StandInKernel.start(place);
  const endpoint = (modelId: string): ModelEndpoint => new MockEndpoint(modelId, (request) => answerTo(request, [person(0.2)]));
  await using running = await agentOf(place, [finder, poser], endpoint);
  using ring = ringOf(place, 'front');
  await running.agent.start();
  await running.granted;
  await running.poll();
  for (let index = 0; index < 6; index++) {
    publish(ring, index * 40_000);
    await running.poll();
  }
  const seen = (modelId: string): number[] => running.looks.filter((look) => look.model_id === modelId).map((look) => look.frame_id);
  assert.deepEqual(seen('finder'), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(seen('poser'), [0, 1, 2, 3, 4, 5]);
  assert.ok(running.looks.every((look) => look.error === null && look.width === 64 && look.height === 48));
});

test('a ring that is replaced or comes later is followed from its own first frame on', async () => {
  await using place = await Place.make();
  await using _kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [finder]);
  await running.agent.start();
  await running.granted;
  await running.poll();
  for (const [epoch, width] of [64, 128].entries()) {
    using ring = ringOf(place, 'front', { width });
    // The old generation is over for the agent at one tick, and the new one is mapped a while later.
    await running.poll();
    running.clock.advance(1000);
    await running.poll();
    publish(ring, 0, epoch, epoch * 5e6);
    await running.poll();
    publish(ring, 1e6, epoch, epoch * 5e6 + 1e6);
    await running.poll();
  }
  assert.deepEqual(running.looks.map(({ width, frame_id, error }) => [width, frame_id, error]), [[64, 0, null], [64, 1, null], [128, 0, null], [128, 1, null]]);
});

test('a camera that goes and returns is said once each way', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [finder]);
  const renewed = async (): Promise<void> => {
    const { puts } = kernel;
    while (kernel.puts < puts + 2) {
      running.clock.advance(LEASE_TTL_MS / 3);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await settled();
  };
  kernel.cameraState = 'connecting';
  await running.agent.start();
  for (const state of ['streaming', 'stalled', 'down', 'streaming'] as const) {
    kernel.cameraState = state;
    await renewed();
  }
  assert.deepEqual(running.cameraEvents, [{ type: 'camera.up', reason: null }, { type: 'camera.down', reason: 'stalled' }, { type: 'camera.up', reason: null }]);
});

test('a kernel that vanishes is asked until it is back, and its cameras are down meanwhile', async () => {
  await using place = await Place.make();
  let kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [finder]);
  await running.agent.start();
  await kernel.until(() => kernel.puts === 1);
  await kernel[Symbol.asyncDispose]();
  const passing = async (until: () => boolean): Promise<void> => {
    while (!until()) {
      running.clock.advance(1000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await passing(() => running.cameraEvents.length === 2);
  assert.deepEqual(running.cameraEvents.at(-1), { type: 'camera.down', reason: 'the kernel cannot be reached' });
  kernel = await StandInKernel.start(place);
  await using _again = kernel;
  await passing(() => running.cameraEvents.length === 3);
  assert.equal(running.cameraEvents.at(-1)?.type, 'camera.up');
  assert.equal(kernel.leases.size, 1);
});

test('an agent goes created, running, stopped, and no other way', async () => {
  await using place = await Place.make();
  await using running = await agentOf(place, [finder]);
  const { agent } = running;
  const invalid = (error: unknown): boolean => error instanceof RuthError && error.code === 'invalid_state';
  assert.equal(agent.state, 'created');
  await assert.rejects(agent.stop(), invalid);
  await agent.start();
  assert.equal(agent.state, 'running');
  await assert.rejects(agent.start(), invalid);
  await agent.stop();
  assert.equal(agent.state, 'stopped');
  await assert.rejects(agent.stop(), invalid);
  await assert.rejects(agent.start(), invalid);
  await assert.rejects(running.apply([finder]), invalid);
});

test('a change of one subscription leaves the others of its camera as they are, looks in flight included', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const endpoints = new Map(['finder', 'other', 'poser'].map((modelId) => [modelId, new MockEndpoint(modelId)]));
  await using running = await agentOf(place, [finder, { model: 'other', desired_fps: 5 }], (modelId) => endpoints.get(modelId)!);
  using ring = ringOf(place, 'front');
  await running.agent.start();
  await running.granted;
  await running.poll();
  publish(ring, 0);
  await running.poll();
  const [finderBefore, otherBefore] = running.agent.subscriptions;
  const [lease] = kernel.leases.keys();
  assert.deepEqual([...endpoints.values()].map(({ pending }) => pending.length), [1, 1, 0]);

  await running.apply([{ model: 'other', desired_fps: 5 }, { ...finder, config: { confidence_threshold: 0.7 } }, poser]);
  assert.equal(running.agent.subscriptions[0], otherBefore);
  assert.notEqual(running.agent.subscriptions[1], finderBefore);
  assert.equal(finderBefore!.status().drops.stopped, 1, 'the look of the old one was given up');
  endpoints.get('other')!.pending[0]!.answer(answerTo(endpoints.get('other')!.pending[0]!.request, [person(0.2)]));
  await settled();
  assert.deepEqual(running.looks.map(({ model_id, error }) => [model_id, error]), [['other', null]]);
  assert.deepEqual([...kernel.leases.keys()], [lease], 'the lease is the same one');
  publish(ring, 1e6);
  await running.poll();
  assert.equal(endpoints.get('finder')!.pending.at(-1)!.request.config?.confidence_threshold, 0.7);
});

test('the lease follows what runs: told at once, given back where nobody looks, taken again', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await agentOf(place, [finder]);
  await running.agent.start();
  const rate = (): number[] => [...kernel.leases.values()].map(({ fps }) => fps);
  await kernel.until(() => rate()[0] === 25);
  await running.apply([{ ...finder, desired_fps: 3 }]);
  await kernel.until(() => rate()[0] === 3);
  assert.equal(kernel.leases.size, 1);
  await running.apply([{ ...finder, desired_fps: 3, active: false }]);
  assert.deepEqual(rate(), []);
  assert.equal(running.agent.subscriptions[0]!.state, 'created');
  await running.apply([{ ...finder, desired_fps: 3 }]);
  await kernel.until(() => rate()[0] === 3);
});
