// A model that cannot serve all, over real sockets and rings: what core sends it, and what each camera gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescribeResponse } from '@ruth/protocol';
import { answerTo } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

const CAMERAS = ['high', 'one', 'two', 'three', 'four', 'five'];
const SERVICE_MS = 50;

test('a slow container is never asked more than it can use, every camera has its share, and each due frame is a look or a counted drop', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const describe: DescribeResponse = {
    model_id: 'finder', model_name: 'Finder', model_version: '1', supported_tasks: ['detect'], classes: ['person'], keypoint_names: [], skeleton: [],
    input: { width: 64, height: 64 }, device: 'cpu', versions: {}, limits: { max_concurrency: 1, max_batch: 1 },
  };
  let inFlight = 0;
  let most = 0;
  let session: Promise<unknown> = Promise.resolve();
  const deadlines: number[] = [];
  await using _finder = await standInContainer(place, 'finder', {
    describe, infer: async (request) => {
      most = Math.max(most, ++inFlight);
      deadlines.push(request.config!.deadline_ms!);
      // One session: requests follow one another.
      await (session = session.then(() => delay(SERVICE_MS)));
      inFlight--;
      return answerTo(request);
    },
  });
  await using running = await startCore(place, {
    cameras: CAMERAS.map((id) => ({ id })) as never,
    subscriptions: CAMERAS.map((camera) => ({ camera, model: 'finder', desired_fps: 10, active: true, ...(camera === 'high' && { priority: 100 }) })),
  });
  const { core } = running;
  const rings = CAMERAS.map((camera) => ringOf(place, camera, { slotCount: 8 }));
  await kernel.until(() => kernel.leases.size === CAMERAS.length);
  await until(() => core.models()[0]?.state === 'up', 'the model is up');

  let ptsUs = 0;
  const publishing = setInterval(() => { for (const ring of rings) publish(ring, ptsUs += 100_000); }, 100);
  try {
    // The rate is known after the first whole window of five seconds.
    await until(() => core.subscriptions().every(({ camera_id, shortfall, answered }) => answered > 4 && (camera_id === 'high' || shortfall != null)), 'every camera is looked at, and the reason of its rate told');
  } finally {
    clearInterval(publishing);
  }
  const statuses = new Map(core.subscriptions().map((status) => [status.camera_id, status]));
  for (const ring of rings) ring.close();
  assert.equal(most, 2, 'one at work and one ready');
  const low = CAMERAS.slice(1).map((camera) => statuses.get(camera)!);
  for (const { answered, shortfall, stages_ms } of low) {
    assert.ok(statuses.get('high')!.answered > 2 * answered, `high ${statuses.get('high')!.answered}, low ${answered}`);
    assert.equal(shortfall?.cause, 'overloaded');
    assert.ok(stages_ms!.published.p50 >= 0 && stages_ms!.answered.p50 >= 0);
  }
  const [least, greatest] = [Math.min(...low.map(({ answered }) => answered)), Math.max(...low.map(({ answered }) => answered))];
  assert.ok(greatest <= least * 1.5 + 2, `between ${least} and ${greatest} looks each`);
  for (const { due, sent, drops } of statuses.values()) assert.equal(due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0));
  assert.ok(Math.max(...deadlines) <= 1000 && Math.min(...deadlines) < 1000, 'what is left of a deadline travels with the request');
});
