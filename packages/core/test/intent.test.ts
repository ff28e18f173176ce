import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { cameraSettings, IntentStatus, validator, type CameraReality, type CameraSubscription, type Intent, type SubscriptionConfig } from '@ruth/protocol';
import { planSubscriptions } from '../src/index.ts';
import { answerTo, person } from './mock-endpoint.ts';
import { startCore, until, type RunningCore } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

const intentStatus = validator(IntentStatus);
const finder: CameraSubscription = { model: 'finder', desired_fps: 10 };
const ofFile = (camera: string): SubscriptionConfig & { active: boolean } => ({ ...finder, camera, active: true });
const camera = (id: string) => cameraSettings({ id, url: 'rtsp://192.0.2.1/1' });
const intentOf = (revision: number, cameras: Record<string, CameraSubscription[]>): Intent => ({
  revision, cameras: Object.fromEntries(Object.entries(cameras).map(([id, subscriptions]) => [id, { subscriptions }])),
});

async function reality(running: RunningCore): Promise<IntentStatus> {
  return intentStatus.parse((await running.ask('GET', '/v1/intent')).body);
}

const states = ({ subscriptions }: CameraReality): string[] => subscriptions.map(({ model_id, state }) => `${model_id} ${state}`);

test('intent stands beside reality, and becomes it as container and frames come', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await startCore(place);
  assert.deepEqual(await reality(running), { revision: null, cameras: {} });

  const answer = await running.ask('PUT', '/v1/intent', intentOf(1, { front: [finder] }));
  assert.equal(answer.status, 200);
  const put = intentStatus.parse(answer.body);
  assert.deepEqual([put.revision, put.cameras.front?.source, put.cameras.front?.state, put.cameras.front?.subscriptions[0]?.intended], [1, 'intent', 'pending', finder]);
  await until(async () => /the model is down: no container answers/.test((await reality(running)).cameras.front!.reason ?? ''), 'it waits for the container');
  await using _container = await standInContainer(place, 'finder', { infer: (message) => answerTo(message, [person(0.1)]) });
  await until(async () => (await reality(running)).cameras.front!.state === 'converged', 'it is as intended');
  kernel.cameraState = 'down';
  await until(async () => (await reality(running)).cameras.front!.reason === 'finder: the camera is down', 'the camera is seen to be down');
});

test('an unknown model is not run, which is said, until a container of that name is found', async () => {
  await using place = await Place.make();
  await using _kernel = await StandInKernel.start(place);
  await using _finder = await standInContainer(place, 'finder');
  await using running = await startCore(place);
  await running.ask('PUT', '/v1/intent', intentOf(1, { front: [finder, { model: 'later', desired_fps: 1 }, { model: 'last', desired_fps: 1, regions: { model: 'later' } }] }));
  await until(async () => states((await reality(running)).cameras.front!)[0] === 'finder converged', 'the known one runs');
  const { front } = (await reality(running)).cameras;
  assert.deepEqual(states(front!), ['finder converged', 'later failed', 'last failed']);
  assert.equal(front!.state, 'failed');
  assert.match(front!.reason!, /^later: there is no model later/);
  assert.deepEqual(running.core.subscriptions().map(({ model_id, state }) => [model_id, state]), [['finder', 'running'], ['later', 'created'], ['last', 'created']]);

  await using _later = await standInContainer(place, 'later');
  await until(async () => states((await reality(running)).cameras.front!).join() === 'finder converged,later converged,last failed', 'the found one runs');
});

test('an intent stands above ruth.yaml camera by camera; without its word ruth.yaml counts again', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await startCore(place, { cameras: [camera('front'), camera('back')], subscriptions: [ofFile('front'), ofFile('back')] });
  const leased = (): string => [...kernel.leases.values()].map(({ camera_id, fps }) => `${camera_id} ${fps}`).sort().join();
  const sources = async (): Promise<string[]> => Object.entries((await reality(running)).cameras).map(([id, { source }]) => `${id} ${source}`).sort();
  await kernel.until(() => leased() === 'back 10,front 10');
  assert.deepEqual(await sources(), ['back file', 'front file']);

  await running.ask('PUT', '/v1/intent', intentOf(1, { front: [{ ...finder, desired_fps: 2 }], yard: [finder] }));
  await kernel.until(() => leased() === 'back 10,front 2,yard 10');
  assert.deepEqual(await sources(), ['back file', 'front intent', 'yard intent']);
  assert.equal((await running.ask('PUT', '/v1/cameras/front', { subscriptions: [{ camera: '*', model: 'finder', desired_fps: 7 }] })).status, 204);
  assert.equal(leased(), 'back 10,front 2,yard 10', 'what ruth.yaml says of a camera that the intent names waits');

  await running.ask('PUT', '/v1/intent', intentOf(2, { back: [] }));
  await kernel.until(() => leased() === 'front 7');
  assert.deepEqual(await sources(), ['back intent', 'front file']);
  assert.deepEqual(running.core.agents.map(({ cameraId }) => cameraId), ['front'], 'without a subscription there is no agent');
  assert.deepEqual(running.core.latest('back'), []);
  assert.throws(() => running.core.latest('yard'), { code: 'camera_not_found' });
});

test('the accepted intent is there again after a restart, and ruth.yaml alone where its file cannot be read', async () => {
  await using place = await Place.make();
  await using _kernel = await StandInKernel.start(place);
  const settings = { cameras: [camera('front')], subscriptions: [ofFile('front')] };
  {
    await using running = await startCore(place, settings);
    assert.equal(existsSync(place.dataDirectory), false, 'nothing is kept where there is nothing to keep');
    await running.ask('PUT', '/v1/intent', intentOf(7, { front: [{ ...finder, desired_fps: 3 }] }));
  }
  assert.deepEqual(readdirSync(place.dataDirectory), ['core-intent.json']);
  {
    await using running = await startCore(place, settings);
    assert.deepEqual([(await reality(running)).revision, running.core.agents[0]?.leasedFps], [7, 3]);
  }
  const path = `${place.dataDirectory}/core-intent.json`;
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, 30));
  await using running = await startCore(place, settings);
  assert.deepEqual([(await reality(running)).revision, running.core.agents[0]?.leasedFps], [null, 10]);
  assert.deepEqual(readdirSync(place.dataDirectory), ['core-intent.json.unreadable'], 'it is put aside');
});

test('the same intent again touches nothing, one of the past is refused', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using running = await startCore(place);
  await running.ask('PUT', '/v1/intent', intentOf(5, { front: [finder] }));
  const [agent] = running.core.agents;
  const [subscription] = agent!.subscriptions;
  await kernel.until(() => kernel.leases.size === 1);
  const [lease] = kernel.leases.keys();
  for (const revision of [5, 5, 6]) assert.equal((await running.ask('PUT', '/v1/intent', intentOf(revision, { front: [finder] }))).status, 200);
  assert.equal(running.core.agents[0], agent);
  assert.equal(agent!.subscriptions[0], subscription);
  assert.deepEqual([...kernel.leases.keys()], [lease]);
  const late = await running.ask('PUT', '/v1/intent', intentOf(4, {}));
  assert.deepEqual([late.status, late.body.error_code], [409, 'invalid_state']);
  assert.equal((await reality(running)).revision, 6);
});

test('an intent that cannot be is refused as a whole, and says where', async () => {
  await using place = await Place.make();
  await using running = await startCore(place);
  const follows = (model: string, source: string): CameraSubscription => ({ model, desired_fps: 1, regions: { model: source } });
  for (const [intent, message] of [
    [intentOf(1, { front: [finder, finder] }), /^cameras\.front\.subscriptions\.1\.model: finder looks at this camera already/],
    [intentOf(1, { front: [follows('a', 'a')] }), /^cameras\.front\.subscriptions\.0\.regions: a follows a: a model cannot follow itself$/],
    [intentOf(1, { front: [finder], back: [follows('d', 'a'), follows('a', 'b'), follows('b', 'c'), follows('c', 'a')] }), /^cameras\.back\.subscriptions\.1\.regions: a follows b follows c follows a: /],
    [{ revision: 1, cameras: { '../x': { subscriptions: [] } } }, /cameras\.\.\.\/x is not a known key/],
    [{ revision: 1, cameras: { front: { subscriptions: [{ model: 'finder', desired_fps: 0 }] } } }, /cameras\.front\.subscriptions\.0\.desired_fps must be > 0/],
    [{ cameras: {} }, /revision is missing/],
    [{ revision: 1, cameras: { front: { subscriptions: [], rules: [{ id: 'r', when: 'person in zone mat' }] } } }, /^cameras\.front\.rules\.0\.when: there is no zone "mat" at this camera; its zones: none$/],
    [{ revision: 1, cameras: { front: { subscriptions: [], scene: { lines: [{ id: 'l', points: [[0, 0], [0, 0]] }] } } } }, /^cameras\.front\.scene\.lines\.0\.points: has the same point twice/],
  ] as const) {
    const { status, body } = await running.ask('PUT', '/v1/intent', intent);
    assert.deepEqual([status, body.error_code], [400, 'bad_request']);
    assert.match(String(body.error), message);
  }
  assert.deepEqual(await reality(running), { revision: null, cameras: {} });
  assert.equal(existsSync(place.dataDirectory), false);
});

test('an intent that cannot be kept is not accepted', async () => {
  await using place = await Place.make();
  await mkdir(`${place.dataDirectory}/core-intent.json.part`, { recursive: true });
  await using running = await startCore(place);
  const { body } = await running.ask('PUT', '/v1/intent', intentOf(1, { front: [finder] }));
  assert.equal(body.error_code, 'invalid_config');
  assert.deepEqual(await reality(running), { revision: null, cameras: {} });
});

test('a change at one camera costs the looks of another nothing', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  await using _finder = await standInContainer(place, 'finder');
  await using running = await startCore(place);
  using ring = ringOf(place, 'back', { slotCount: 64 });
  await running.ask('PUT', '/v1/intent', intentOf(0, { front: [finder], back: [{ ...finder, desired_fps: 100 }] }));
  await kernel.until(() => kernel.leases.size === 2);
  let ptsUs = 0;
  const publishing = setInterval(() => publish(ring, ptsUs += 10_000), 10);
  try {
    await until(() => running.core.latest('back').length === 1, 'the camera is looked at');
    const back = running.core.agents.find(({ cameraId }) => cameraId === 'back')!.subscriptions[0]!;
    for (let revision = 1; revision < 20; revision++) {
      await running.ask('PUT', '/v1/intent', intentOf(revision, { front: revision % 2 ? [] : [finder], back: [{ ...finder, desired_fps: 100 }] }));
    }
    const status = back.status();
    assert.deepEqual([status.state, status.drops.stopped, status.failed], ['running', 0, 0]);
    assert.equal(running.core.agents.find(({ cameraId }) => cameraId === 'back')!.subscriptions[0], back);
  } finally {
    clearInterval(publishing);
  }
});

test('what is planned runs, idles, or is refused with the reason, along the whole chain', () => {
  const follow = (model: string, source: string, extra: Partial<CameraSubscription> = {}): CameraSubscription => ({ model, desired_fps: 1, regions: { model: source }, ...extra });
  const planned = planSubscriptions({
    subscriptions: [finder, follow('second', 'finder'), follow('third', 'second'), { ...finder, model: 'off', active: false }, follow('after-off', 'off'), follow('lost', 'nobody'), { ...finder, model: 'unknown' }],
  }, (modelId) => modelId !== 'unknown', { at: 0, timeZone: 'UTC' });
  assert.deepEqual(planned.map(({ verdict }) => verdict), ['runs', 'runs', 'runs', 'idle', 'idle', 'refused', 'refused']);
  assert.deepEqual(planned.flatMap((plan) => (plan.verdict === 'runs' ? [] : plan.reason)), [
    'it is not active', 'it follows off: it is not active', 'it follows nobody, which does not look at this camera',
    'there is no model unknown: ruth.yaml names none, and no container of that name was found',
  ]);
});

test('a subscription with a schedule runs in its time alone, and one with a zone where the camera has it', () => {
  const zone = { id: 'gate', polygon: [[0, 0], [1, 0], [1, 1]] as [number, number][] };
  const verdict = (settings: Partial<CameraSubscription>, at: string, timeZone = 'UTC') => planSubscriptions({ subscriptions: [{ ...finder, ...settings }], scene: { zones: [zone] } }, () => true, { at: Date.parse(at) / 1000, timeZone })[0]!;
  const night: CameraSubscription['schedule'] = { between: ['22:00', '06:00'], days: ['fri'] };
  // 2 January 2026 is a Friday.
  for (const [at, runs] of [['2026-01-02T21:59:59Z', false], ['2026-01-02T22:00:00Z', true], ['2026-01-03T05:59:59Z', true], ['2026-01-03T06:00:00Z', false], ['2026-01-03T23:00:00Z', false]] as const) {
    assert.equal(verdict({ schedule: night }, at).verdict, runs ? 'runs' : 'idle', at);
  }
  assert.equal(verdict({ schedule: night }, '2026-01-02T21:30:00Z', 'Europe/Berlin').verdict, 'runs', 'times are the node\'s');
  assert.equal(verdict({ schedule: { ...night, time_zone: 'UTC' } }, '2026-01-02T21:30:00Z', 'Europe/Berlin').verdict, 'idle', 'unless it names a place');
  assert.deepEqual(verdict({ zone: 'gate' }, '2026-01-02T12:00:00Z').zone, zone);
  const lost = verdict({ zone: 'yard' }, '2026-01-02T12:00:00Z');
  assert.deepEqual([lost.verdict, lost.verdict === 'refused' && lost.reason], ['refused', 'there is no zone yard at this camera']);
});
