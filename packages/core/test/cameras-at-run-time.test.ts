import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo, person } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

test('a camera that is added while core runs is looked at, and one that is removed is no longer known', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using container = await standInContainer(place, 'finder', { infer: (message) => answerTo(message, [person(0.1)]) });
  using ring = ringOf(place, 'front');
  await using running = await startCore(place);
  const { core, ask } = running;
  const subscriptions = [{ camera: '*', model: 'finder', desired_fps: 10 }];

  assert.equal((await ask('PUT', '/v1/cameras/front', { subscriptions })).status, 204);
  assert.deepEqual(core.subscriptions().map(({ camera_id, model_id, state }) => [camera_id, model_id, state]), [['front', 'finder', 'running']]);
  const [agent] = core.agents;
  assert.equal((await ask('PUT', '/v1/cameras/front', { subscriptions })).status, 204);
  assert.equal(core.agents[0], agent, 'the same again changes nothing');

  let ptsUs = 0;
  const publishing = setInterval(() => publish(ring, ptsUs += 100_000), 100);
  try {
    await until(() => core.latest('front').length === 1, 'the model looked at the new camera');
  } finally {
    clearInterval(publishing);
  }
  assert.equal((await ask('DELETE', '/v1/cameras/front')).status, 204);
  assert.deepEqual(core.subscriptions(), []);
  assert.throws(() => core.latest('front'), { code: 'camera_not_found' });
  assert.equal((await ask('DELETE', '/v1/cameras/front')).body.error_code, 'camera_not_found');
  void kernel;
  void container;
});

test('what is no camera and what is no subscription of it is refused', async () => {
  await using place = await Place.make();
  await using running = await startCore(place);
  for (const [id, body, code] of [
    ['..%2fetc', { subscriptions: [] }, 'invalid_id'], ['front', { subscriptions: [{ camera: 'back', model: 'finder', desired_fps: 1 }] }, 'bad_request'],
    ['front', { subscriptions: [{ camera: 'front', model: 'finder', desired_fps: 0 }] }, 'bad_request'], ['front', {}, 'bad_request'],
  ] as const) assert.equal((await running.ask('PUT', `/v1/cameras/${id}`, body)).body.error_code, code);
  assert.deepEqual(running.core.agents, []);
});
