// Who was hidden is known again by what they look like: by hand-made vectors, and through core with a container that gives them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subscriptionProblem, type Box, type DescribeResponse, type Detection, type Look } from '@ruth/protocol';
import { appearanceOf, CameraTracks, NO_THRESHOLDS, Tracker, Understanding, type TrackableDetection } from '../src/index.ts';
import { answerTo, person } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

/** Red and blue coats, and one that is nearly red. */
const RED = [1, 0, 0.1];
const BLUE = [0, 1, 0.1];
const REDDISH = [0.97, 0, 0.25];

interface Walker { readonly coat: readonly number[]; readonly at: (timeS: number) => number | null }

const box = (x: number): TrackableDetection => ({ class_id: 0, confidence: 0.9, bbox: [x - 0.03, 0.4, x + 0.03, 0.6] });
/** Two seconds behind a wall, where they turn and go on faster than before, or do not come out. */
const hidden = (coat: readonly number[], before: number, after: number | null): Walker => ({ coat, at: (timeS) => (timeS < 2 ? before + 0.05 * timeS : timeS < 4 || after === null ? null : after) });

interface Answers { /** By how many looks a vector is late; null: it never comes. */ readonly lateLooks?: number | null; readonly untilS?: number; readonly fps?: number }

/** The ids that each walker had, in order; who was asked about, how often; when each id was given. */
function followed(walkers: readonly Walker[], { lateLooks = 0, untilS = 6, fps = 5 }: Answers = {}) {
  const tracker = new Tracker();
  const ids = walkers.map(() => new Set<number>());
  const since = new Map<number, number>();
  const asked = walkers.map(() => 0);
  const coming: { look: number; tell: () => void }[] = [];
  for (let look = 0; look <= untilS * fps; look++) {
    const timeS = look / fps;
    while (coming[0] && coming[0].look <= look) coming.shift()!.tell();
    const there = [...walkers.keys()].filter((index) => walkers[index]!.at(timeS) !== null);
    for (const { id, detectionIndex } of tracker.update(there.map((index) => box(walkers[index]!.at(timeS)!)), timeS)) {
      if (detectionIndex !== null) ids[there[detectionIndex]!]!.add(id);
      if (!since.has(id)) since.set(id, timeS);
    }
    const wanted = tracker.wanted();
    if (lateLooks !== 0 || wanted.length > 0) tracker.asked(wanted);
    for (const { subject, detectionIndex } of wanted) {
      const index = there[detectionIndex]!;
      asked[index]!++;
      if (lateLooks !== null) coming.push({ look: look + 1 + lateLooks, tell: () => subject.describe(appearanceOf(walkers[index]!.coat)!) });
    }
  }
  return { ids: ids.map((given) => [...given]), asked, since, kept: tracker.identitiesKept };
}

test('one who turns behind a wall and comes out elsewhere is another by motion alone, and the same one by their coat', () => {
  const walker = hidden(RED, 0.1, 0.45);
  assert.deepEqual(followed([walker], { lateLooks: null }).ids, [[1, 2]]);
  const { ids, kept, asked } = followed([walker]);
  assert.deepEqual([ids, kept], [[[1]], 1]);
  assert.ok(asked[0]! <= 4, `asked ${asked[0]} times in 21 looks`);
});

test('somebody else, two who look alike, and one who could not have come so far, get new ids', () => {
  const came = (coat: readonly number[]): Walker => ({ coat, at: (timeS) => (timeS < 4 ? null : 0.45) });
  assert.deepEqual(followed([hidden(RED, 0.1, null), came(BLUE)]).ids, [[1], [2]]);
  assert.deepEqual(followed([hidden(RED, 0.1, null), hidden(RED, 0.6, null), came(RED)]).ids, [[1], [2], [3]], 'nobody can say which of two');
  assert.deepEqual(followed([hidden(RED, 0.1, null), hidden(BLUE, 0.6, null), came(REDDISH)]).ids, [[1], [2], [1]]);
  const far: Walker = { coat: RED, at: (timeS) => (timeS < 3.2 ? null : 0.95) };
  assert.deepEqual(followed([hidden(RED, 0.1, null), far]).ids, [[1], [2]]);
});

test('an id waits for a vector that is on its way, not for longer than half a second, and never changes once it was told', () => {
  const walker = hidden(RED, 0.1, 0.45);
  const late = followed([walker], { lateLooks: 9, fps: 30 });
  assert.deepEqual(late.ids, [[1]]);
  const tooLate = followed([walker], { lateLooks: 24, fps: 30 });
  assert.deepEqual(tooLate.ids, [[1, 2]]);
  assert.ok(tooLate.since.get(2)! > 4.4 && tooLate.since.get(2)! < 4.6, `told at ${tooLate.since.get(2)}`);
});

test('whom another covers is not asked about, for the vector would be of both', () => {
  const tracker = new Tracker();
  const two = [box(0.3), box(0.32)];
  for (const timeS of [0, 0.2, 0.4]) tracker.update(two, timeS);
  assert.deepEqual(tracker.wanted(), []);
  tracker.update([box(0.28), box(0.36)], 0.6);
  assert.equal(tracker.wanted().length, 2);
});

const lookAt = (index: number, detections: Detection[]): Look => ({
  camera_id: 'front', model_id: 'finder', frame_id: index, captured_at: 1.7e9 + index / 5, pts_us: index * 200_000, epoch: 0, width: 64, height: 48, detections, metadata: {}, error: null, error_code: null,
});

test('a vector belongs to whom it was asked of in that frame; late ones, strange boxes and vectors without a length say nothing', () => {
  const tracks = new CameraTracks();
  const at = (index: number, xMin: number | null): Detection[] => [...tracks.follow(lookAt(index, xMin === null ? [] : [person(xMin)]), 0).look.detections];
  const vector = (embedding: number[], bbox: Box): Detection => ({ ...person(0), bbox, embedding });
  at(0, 0.1);
  const [seen] = at(1, 0.1);
  assert.deepEqual(tracks.wanted(1), [seen]);
  assert.deepEqual(tracks.wanted(0), [], 'of a frame before the last one nothing is wanted');
  tracks.asked(1, [seen!.bbox]);
  assert.deepEqual(tracks.wanted(1), [], 'it was asked for');
  tracks.describe(1, [vector([0, 0, 0], seen!.bbox), vector(BLUE, [0.7, 0.2, 0.8, 0.8]), vector(RED, seen!.bbox)]);
  for (let index = 2; index < 12; index++) at(index, null);
  const [again] = at(12, 0.7);
  assert.deepEqual([again!.track_id, tracks.wanted(12)], [null, [again]]);
  // Kept looks come without the question.
  tracks.describe(12, [vector(RED, again!.bbox)]);
  assert.deepEqual([at(13, 0.7)[0]!.track_id, tracks.identitiesKept], [1, 1]);
});

test('vectors that describe tracks are told to nobody', () => {
  const understanding = new Understanding({ cameraId: 'front', detects: (id) => id === 'finder', describes: (id) => (id === 'teller' ? 'finder' : null), keypointNames: () => [], thresholds: () => NO_THRESHOLDS }, { scene: {}, rules: [] });
  understanding.follow(lookAt(0, [person(0.1)]));
  const { look, events } = understanding.follow({ ...lookAt(0, [{ ...person(0.1), embedding: RED }]), model_id: 'teller' });
  assert.deepEqual([look.detections, events], [[person(0.1)], []]);
});

test('who describes tracks is told when by the tracker, and there is one for each model', () => {
  const follower = (model: string, more: object = {}) => ({ model, desired_fps: 5, regions: { model: 'finder', appearance: true, ...more } });
  const finder = { model: 'finder', desired_fps: 5 };
  assert.equal(subscriptionProblem([finder, follower('teller')]), null);
  assert.match(subscriptionProblem([finder, follower('teller', { once_per_track_s: 2 })])!.message, /leave once_per_track_s/);
  assert.match(subscriptionProblem([finder, follower('teller'), follower('other')])!.message, /^teller tells already what the tracks of finder look like/);
});

test('through core: few are asked about, who was hidden keeps the id, looks that describe are no events, and without that model tracking goes on', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const describe = (modelId: string, tasks: string[]): DescribeResponse => ({
    model_id: modelId, model_name: modelId, model_version: '1', supported_tasks: tasks, classes: ['person'], keypoint_names: [], skeleton: [], input: { width: 64, height: 64 },
    device: 'cpu', versions: {}, limits: { max_concurrency: 2, max_batch: 1 }, confidence_threshold: 0.25,
  });
  // Five looks a second of the stream: two seconds at the left, two hidden, then at the right.
  await using _finder = await standInContainer(place, 'finder', {
    describe: describe('finder', ['detect']), infer: (request) => answerTo(request, request.frame_metadata.frame_id < 10 ? [person(0.1)] : request.frame_metadata.frame_id < 20 ? [] : [person(0.7)]),
  });
  const rois: Box[] = [];
  const teller = await standInContainer(place, 'teller', {
    describe: describe('teller', ['embed']),
    infer: (request) => (rois.push(request.config!.roi!), answerTo(request, [{ class_id: 0, class_name: 'person', confidence: 1, bbox: request.config!.roi!, embedding: RED }])),
  });
  await using _mistaken = await standInContainer(place, 'mistaken', { describe: describe('mistaken', ['detect']) });
  const finder = { camera: 'front', model: 'finder', desired_fps: 5, active: true };
  await using running = await startCore(place, {
    cameras: [{ id: 'front' }] as never, models: ['finder', 'teller', 'mistaken'].map((id) => ({ id, folder: id })),
    subscriptions: [finder, { ...finder, model: 'teller', regions: { model: 'finder', appearance: true } }],
  });
  const { core } = running;
  using ring = ringOf(place, 'front', { slotCount: 8 });
  await kernel.until(() => kernel.leases.size === 1);
  await until(() => core.models().filter(({ state }) => state === 'up').length === 3, 'the models are up');
  const looked = (): number => core.subscriptions().find(({ model_id }) => model_id === 'finder')!.answered;
  const show = async (): Promise<void> => {
    const before = looked();
    publish(ring, ring.framesPublished * 200_000);
    await until(() => looked() > before, 'the finder has looked');
  };
  for (let frame = 0; frame < 24; frame++) await show();
  const seen = core.latest('front');
  assert.deepEqual(seen.map(({ model_id, detections }) => [model_id, detections.map(({ track_id }) => track_id)]), [['finder', [1]]]);
  const { identities_kept: kept, due, sent, drops } = core.subscriptions().find(({ model_id }) => model_id === 'teller')!;
  assert.deepEqual([kept, due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0)], [1, 24, 24]);
  assert.ok(rois.length >= 2 && rois.length <= 4, `asked about ${rois.length} boxes`);
  await teller[Symbol.asyncDispose]();
  for (let frame = 0; frame < 15; frame++) await show();
  assert.deepEqual(core.latest('front').flatMap(({ detections }) => detections.map(({ track_id }) => track_id)), [1]);
  await core.putCamera('front', { subscriptions: [finder, { ...finder, model: 'mistaken', regions: { model: 'finder', appearance: true } }] });
  const { state, reason } = core.intent().cameras.front!;
  assert.equal(state, 'failed');
  assert.match(reason!, /^mistaken: it gives no vectors/);
});
