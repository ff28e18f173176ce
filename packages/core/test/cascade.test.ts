// Models that follow one another, over real sockets and a real ring: which parts of which frame they are asked about.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DescribeResponse, Detection, InferRequest, Look } from '@ruth/protocol';
import { Subscription, ModelAccess } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

const describe = (modelId: string, tasks: string[]): DescribeResponse => ({
  model_id: modelId, model_name: modelId, model_version: '1', supported_tasks: tasks, classes: ['person', 'car'], keypoint_names: [], skeleton: [],
  input: { width: 64, height: 64 }, device: 'cpu', versions: {}, limits: { max_concurrency: 4, max_batch: 1 },
});
const car = (xMin: number): Detection => ({ class_id: 1, class_name: 'car', confidence: 0.8, bbox: [xMin, 0.4, xMin + 0.2, 0.6] });
const rounded = (roi: readonly number[]): number[] => roi.map((edge) => Math.round(edge * 100) / 100);

test('one camera, four models, two of them in a cascade: each is asked about the same frame, where the one before it saw something', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const asked = new Map<string, InferRequest[]>(['finder', 'sorter', 'poser', 'reader'].map((modelId) => [modelId, []]));
  const container = (modelId: string, tasks: string[], see: (request: InferRequest) => Detection[]) => standInContainer(place, modelId, {
    describe: describe(modelId, tasks), infer: (request) => (asked.get(modelId)!.push(request), answerTo(request, see(request))),
  });
  await using _finder = await container('finder', ['detect'], () => [person(0.1), person(0.5), car(0.7)]);
  await using _sorter = await container('sorter', ['classify'], () => [car(0)]);
  // The plate of each car, and what stands on it.
  await using _poser = await container('poser', ['detect'], ({ config }) => [{ ...car(0), class_name: 'plate', bbox: config!.roi! }]);
  await using _reader = await container('reader', ['classify'], () => [car(0)]);
  await using running = await startCore(place, {
    cameras: [{ id: 'front' }] as never, models: [...asked.keys()].map((id) => ({ id, folder: id })),
    subscriptions: [
      { camera: 'front', model: 'finder', desired_fps: 10, active: true }, { camera: 'front', model: 'sorter', desired_fps: 5, active: true },
      { camera: 'front', model: 'poser', desired_fps: 10, active: true, regions: { model: 'finder', classes: ['car'], margin: 0 } },
      { camera: 'front', model: 'reader', desired_fps: 10, active: true, regions: { model: 'poser', margin: 0 } },
    ],
  });
  const { core } = running;
  using ring = ringOf(place, 'front', { slotCount: 8 });
  await kernel.until(() => kernel.leases.size === 1);
  assert.equal([...kernel.leases.values()][0]!.fps, 10, 'one lease, at the rate of the fastest: one decode');
  await until(() => core.models().filter(({ state }) => state === 'up').length === 4, 'all models are up');
  let ptsUs = 0;
  const publishing = setInterval(() => publish(ring, ptsUs += 100_000), 100);
  try {
    await until(() => core.latest('front').filter(({ error }) => error === null).length === 4 && asked.get('reader')!.length > 8, 'each model has looked');
  } finally {
    clearInterval(publishing);
  }
  for (const [modelId, requests] of asked) {
    assert.equal(new Set(requests.map(({ frame_reference }) => frame_reference)).size, 1);
    if (modelId === 'finder' || modelId === 'sorter') continue;
    assert.deepEqual(rounded(requests[0]!.config!.roi!), [0.7, 0.4, 0.9, 0.6], modelId);
    const frames = new Set(asked.get('finder')!.map(({ frame_metadata }) => frame_metadata.frame_id));
    for (const { frame_metadata } of requests) assert.ok(frames.has(frame_metadata.frame_id), `${modelId} looks into frames that the finder saw`);
  }
  const status = core.subscriptions();
  for (const { due, sent, drops } of status) assert.equal(due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0));
  const read = core.latest('front').find(({ model_id }) => model_id === 'poser')!;
  assert.ok(read.detections[0]!.of_track !== undefined, 'it says whose car it is');
});

function follower(regions: object, endpoint = new MockEndpoint('reader', (request) => answerTo(request, [person(0)])), more: object = {}) {
  const clock = new ManualClock();
  const looks: Look[] = [];
  const subscription = new Subscription({ model: 'reader', desired_fps: 25, regions: { model: 'finder', margin: 0, ...regions }, ...more }, {
    cameraId: 'front', clock, access: new ModelAccess({ modelId: 'reader', clock, endpoint: () => endpoint }), onLook: (look) => looks.push(look),
    ...('zone' in more ? { zone: { id: 'gate', polygon: [[0.5, 0], [1, 0], [1, 1], [0.5, 1]] } } : {}),
  });
  subscription.start();
  let frame = 0;
  const see = async (found: Detection[]): Promise<void> => {
    subscription.offer(frameOf('front', frame++), found);
    await settled();
    await settled();
  };
  return { subscription, looks, see };
}
const tracked = (id: number | null, xMin = 0.1): Detection => ({ ...person(xMin), track_id: id });

test('each track is looked at once in so many seconds; what has no track waits until it has one', async () => {
  const asked: number[] = [];
  const endpoint = new MockEndpoint('reader', (request) => (asked.push(request.config!.roi![0]), answerTo(request, [person(0)])));
  const { subscription, looks, see } = follower({ once_per_track_s: 2 }, endpoint);
  // 25 frames a second.
  for (let index = 0; index < 45; index++) await see([tracked(1, 0.1), ...(index >= 10 ? [tracked(2, 0.3)] : []), tracked(null, 0.7)]);
  assert.deepEqual(asked, [0.1, 0.3]);
  for (let index = 0; index < 30; index++) await see([tracked(1, 0.2), tracked(2, 0.4)]);
  assert.deepEqual(asked, [0.1, 0.3, 0.2, 0.4]);
  assert.deepEqual(looks.map(({ detections }) => detections[0]?.of_track), [1, 2, 1, 2], 'no empty look takes away what was read');
  const { due, drops, shortfall } = subscription.status();
  assert.deepEqual([due, drops.no_regions, shortfall], [75, 71, null]);
});

test('a track whose look failed has its turn again', async () => {
  let calls = 0;
  const endpoint = new MockEndpoint('reader', (request) => (calls++ === 0 ? { ...answerTo(request), error: 'gone', error_code: 'frame_overwritten' } : answerTo(request, [person(0)])));
  const { subscription, see } = follower({ once_per_track_s: 60 }, endpoint);
  for (let index = 0; index < 5; index++) await see([tracked(1)]);
  assert.equal(calls, 2);
  assert.deepEqual([subscription.status().drops.overwritten, subscription.status().answered], [1, 1]);
});

test('regions are chosen by size and zone', async () => {
  const asked: number[][] = [];
  const endpoint = new MockEndpoint('reader', (request) => (asked.push(rounded(request.config!.roi!)), answerTo(request)));
  const { see } = follower({ min_height: 0.3, max_height: 0.65 }, endpoint, { zone: 'gate' });
  const tall = (xMin: number, height: number): Detection => ({ ...person(xMin), bbox: [xMin, 0.1, xMin + 0.1, 0.1 + height] });
  await see([tall(0.6, 0.2), tall(0.7, 0.5), tall(0.8, 0.7), tall(0.1, 0.5)]);
  assert.deepEqual(asked, [[0.7, 0.1, 0.8, 0.6]]);
});

test('of whole frames, only what stands in the zone counts', async () => {
  const clock = new ManualClock();
  const looks: Look[] = [];
  const access = new ModelAccess({ modelId: 'finder', clock, endpoint: () => new MockEndpoint('finder', (request) => answerTo(request, [person(0.1), person(0.6)])) });
  const zone = { id: 'gate', polygon: [[0.5, 0.7], [1, 0.7], [1, 1], [0.5, 1]] as [number, number][] };
  const subscription = new Subscription({ model: 'finder', desired_fps: 5, zone: 'gate' }, { cameraId: 'front', clock, access, zone, onLook: (look) => looks.push(look) });
  subscription.start();
  subscription.offer(frameOf('front', 0));
  await settled();
  assert.deepEqual(looks[0]!.detections, [person(0.6)], 'its base counts, not the box');
});
