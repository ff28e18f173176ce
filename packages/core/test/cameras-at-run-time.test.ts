import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { coreSocketPath, kernelSocketPath } from '@ruth/protocol';
import { listenOnSocket } from '@ruth/transport';
import { Core, createHttp, KernelClient } from '../src/index.ts';
import { answerTo, person } from './mock-endpoint.ts';
import { Place, publish, ringOf, silent, StandInKernel, standInContainer } from './stand-ins.ts';

async function startCore(place: Place): Promise<AsyncDisposable & { core: Core; ask: (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Record<string, unknown> }> }> {
  const stop = new AbortController();
  const kernel = new KernelClient(kernelSocketPath(place.socketDirectory));
  const core = new Core({
    kernel, logger: silent, settings: { socketDirectory: place.socketDirectory, ringDirectory: place.ringDirectory, cameras: [], models: [{ id: 'finder', folder: 'finder' }], subscriptions: [] },
  });
  const app = createHttp(core, stop.signal);
  await app.ready();
  const socketPath = coreSocketPath(place.socketDirectory);
  await listenOnSocket(app.server, socketPath);
  core.start();
  return {
    core,
    ask: (method, path, body) => new Promise((resolve, reject) => {
      const outgoing = request({ socketPath, method, path, headers: body === undefined ? {} : { 'content-type': 'application/json' } }, (response) => void response.toArray().then((chunks) => {
        const text = Buffer.concat(chunks as Buffer[]).toString();
        resolve({ status: response.statusCode!, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> });
      }, reject)).on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await app.close();
      await core[Symbol.asyncDispose]();
      await kernel[Symbol.asyncDispose]();
    },
  };
}

async function until(wanted: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 60_000; !wanted();) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

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
