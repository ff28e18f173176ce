import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CoreEvent, validator, type Detection, type Look } from '@ruth/protocol';
import { CameraTracks, NO_THRESHOLDS, simplified, thresholdsOf, Trajectory, Understanding, type EndedTrack, type TrackEventContent, type TrajectoryPoint } from '../src/index.ts';
import { person } from './mock-endpoint.ts';

const event = validator(CoreEvent);

/** Look `index` of a camera that is looked at five times a second. */
const lookOf = (index: number, detections: Detection[], epoch = 0): Look => ({
  camera_id: 'front', model_id: 'finder', frame_id: index * 5, captured_at: 1.7e9 + index / 5, pts_us: index * 200_000, epoch, width: 64, height: 48,
  detections, metadata: {}, error: null, error_code: null,
});

const endsOf = (ended: readonly EndedTrack[]): string[] => ended.map(({ reason, track }) => `${reason} ${track.state.id}`);
const understandingOf = (): Understanding => new Understanding({ cameraId: 'front', detects: () => true, keypointNames: () => [], thresholds: () => NO_THRESHOLDS }, { scene: {}, rules: [] });

test('detections carry the id of their track from its second look on', () => {
  const tracks = new CameraTracks();
  const seen = [0, 1, 2].map((index) => tracks.follow(lookOf(index, [person(0.1), person(0.5)]), 0).look.detections.map(({ track_id }) => track_id));
  assert.deepEqual(seen, [[null, null], [1, 2], [1, 2]]);
});

test('what does not count is in the look and belongs to no track', () => {
  const tracks = new CameraTracks();
  const seen = [0, 1, 2].map((index) => tracks.follow(lookOf(index, [person(0.1), person(0.5)]), 0, ([left]) => left > 0.3).look.detections.map(({ track_id }) => track_id));
  assert.deepEqual(seen, [[null, null], [null, 1], [null, 1]]);
});

test('a doubtful detection carries a track on, begins none, and is not told', () => {
  const tracks = new CameraTracks();
  const follow = (index: number, detections: Detection[]) => tracks.follow(lookOf(index, detections), 0, undefined, thresholdsOf({}, 0.4));
  for (const index of [0, 1]) follow(index, [person(0.1), person(0.5, 0.3)]);
  const { look, tracks: followed } = follow(2, [person(0.1, 0.3), person(0.5, 0.3)]);
  assert.deepEqual(followed.map(({ state, isSeen }) => [state.id, isSeen]), [[1, true]]);
  assert.deepEqual(look.detections, []);
  assert.deepEqual(follow(3, [person(0.5, 0.3), person(0.1)]).look.detections.map(({ track_id }) => track_id), [1]);
});

test('what a model tells at .25 is told and carries tracks on, but a track begins at .4; where the subscription sets a threshold, that counts for both', () => {
  for (const [config, given] of [[{}, [[null, 1], [null, 1]]], [{ confidence_threshold: 0.25 }, [[1, 2], [1, 2]]]] as const) {
    const tracks = new CameraTracks();
    const seen = [0, 1, 2].map((index) => tracks.follow(lookOf(index, [person(0.1, 0.35), person(0.5, index === 2 ? 0.3 : 0.9)]), 0, undefined, thresholdsOf(config, 0.25)).look.detections.map(({ track_id }) => track_id));
    assert.deepEqual(seen.slice(1), given);
  }
  assert.deepEqual(thresholdsOf({}, 0.6), { told: 0.6, begins: 0.6 });
  assert.equal(thresholdsOf({ confidence_threshold: 0.7 }, null), NO_THRESHOLDS, 'whose threshold nobody knows tells what it tells');
});

test('what is too unsure to be a track does not keep a picture from being at rest', () => {
  const understanding = new Understanding({ cameraId: 'front', detects: () => true, keypointNames: () => [], thresholds: () => thresholdsOf({}, 0.25) }, { scene: {}, rules: [] });
  const atRest = Array.from({ length: 40 }, (_, index) => understanding.isAtRest(understanding.follow(lookOf(index, [person(0.5), ...(index % 2 === 0 ? [person(0.1, 0.3)] : [])])).look));
  assert.deepEqual([atRest[5], atRest[38], atRest[39]], [false, true, true]);
  assert.equal(understanding.isAtRest(understanding.follow(lookOf(40, [person(0.5), person(0.9)])).look), false, 'one who has just come may move');
});

test('the look that was given is not changed, and what a container says of tracks is not believed', () => {
  const look = lookOf(0, [{ ...person(0.1), track_id: 77 }]);
  const { look: told } = new CameraTracks().follow(look, 0);
  assert.equal(told.detections[0]!.track_id, null);
  assert.equal(look.detections[0]!.track_id, 77);
});

test('a track starts, is updated once a second of the stream, and ends when it was lost for too long, with the way it went', () => {
  const understanding = understandingOf();
  const told = Array.from({ length: 40 }, (_, index) => ({ index, events: understanding.follow(lookOf(index, index < 12 ? [person(0.1 + 0.05 * index)] : [])).events as TrackEventContent[] }));
  const all = told.flatMap(({ index, events }) => events.map((content) => ({ index, ...content })));
  assert.deepEqual(all.map(({ index, type }) => [index, type]), [[1, 'track.started'], [6, 'track.updated'], [11, 'track.updated'], [32, 'track.ended']]);
  const ended = all.at(-1)!;
  // The frame where it was last seen, so that a click lands on a picture with it.
  assert.deepEqual([ended.frame_id, ended.captured_at, ended.track.last_seen, ended.reason], [55, 1.7e9 + 2.2, 1.7e9 + 2.2, 'gone']);
  assert.ok(Math.abs(ended.track.first_seen - 1.7e9) < 1e-3);
  assert.deepEqual([ended.camera_id, ended.model_id, ended.track.class_name], ['front', 'finder', 'person']);
  const way = ended.trajectory!;
  assert.ok(way.length >= 2 && way[0]![1] < 0.25 && way.at(-1)![1] > 0.65 && way.every(([,, y]) => Math.abs(y - 0.8) < 0.01), JSON.stringify(way));
});

test('what does not move is told as it comes to rest, and then no more until it moves', () => {
  const understanding = understandingOf();
  const told: [number, string, boolean | undefined][] = [];
  for (let index = 0; index < 200; index++) {
    const { events } = understanding.follow(lookOf(index, [person(index < 150 ? 0.1 : 0.1 + 0.02 * (index - 150))]));
    for (const content of events) if (content.type.startsWith('track.')) told.push([index, content.type, (content as TrackEventContent).track.stationary]);
  }
  const resting = told.filter(([index]) => index >= 26 && index < 152);
  assert.deepEqual(resting, [[26, 'track.updated', true]]);
  const woke = told.find(([index]) => index > 150)!;
  assert.ok(woke[0] <= 154 && woke[2] === false, JSON.stringify(woke));
});

test('the best sight of a track is the large and sure one, not the one that the edge cuts', () => {
  const understanding = understandingOf();
  let best: { frame_id: number } | undefined;
  const boxes: [number, number][] = [[0, 0.2], [0, 0.2], [0.1, 0.12], [0.2, 0.25], [0.3, 0.3], [0.4, 0.2], [0.6, 0.4]];
  for (const [index, [left, width]] of boxes.entries()) {
    const look = lookOf(index, [{ ...person(0), bbox: [left, 0.2, left + width, 0.8] }]);
    understanding.follow(look);
  }
  for (const content of understanding.end('camera_gone')) if (content.type === 'track.ended') ({ best } = content);
  assert.equal(best?.frame_id, 20);
});

test('every event is what the contract says, also for a box that leaves the frame', () => {
  const understanding = understandingOf();
  let count = 0;
  for (let index = 0; index < 20; index++) {
    const left = Math.max(0, 0.3 - 0.03 * index);
    const { events } = understanding.follow(lookOf(index, [{ ...person(0), bbox: [left, 0, left + 0.1, 1] }]));
    for (const content of events) {
      assert.deepEqual(event.violations({ id: count++, version: 1, at: 1.7e9, ...content }), []);
    }
  }
  assert.ok(count > 2);
});

test('a new epoch of the stream, and a time that goes back, end all tracks and begin others', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]), 0);
  assert.deepEqual(endsOf(tracks.follow(lookOf(2, [person(0.1)], 1), 0).ended), ['camera_gone 1']);
  assert.deepEqual(tracks.follow(lookOf(3, [person(0.1)], 1), 0).tracks.map(({ state }) => state.id), [2]);
  assert.deepEqual(endsOf(tracks.follow(lookOf(1, [person(0.1)], 1), 0).ended), ['camera_gone 2']);
});

test('a silence longer than a track may be lost ends it, although the same thing is there again: nobody could look', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]), 0);
  assert.deepEqual(endsOf(tracks.follow(lookOf(40, [])  , 0).ended), ['could_not_look 1']);
});

test('what is ended from outside is said once', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]), 0);
  assert.deepEqual(endsOf(tracks.end('camera_gone')), ['camera_gone 1']);
  assert.deepEqual(tracks.end('camera_gone'), []);
  assert.deepEqual(tracks.follow(lookOf(2, []), 0).ended, []);
});

test('a trajectory keeps its ends and is never far from where the thing was, however long it goes', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -10, max: 10 })), { minLength: 2, maxLength: 1000 }), (steps) => {
    const trajectory = new Trajectory();
    const points: TrajectoryPoint[] = [];
    let [x, y] = [0.5, 0.5];
    for (const [index, [dx, dy]] of steps.entries()) {
      x += dx / 5000;
      y += dy / 5000;
      points.push([index, x, y]);
      trajectory.add(index, x, y);
    }
    const kept = trajectory.points();
    assert.ok(kept.length <= 128 && kept.length >= 2);
    assert.deepEqual([kept[0]![0], kept.at(-1)![0]], [0, points.at(-1)![0]]);
  }), { numRuns: 200 });
  assert.deepEqual(simplified([[0, 0, 0], [1, 0.1, 0], [2, 0.2, 0]], 128), [[0, 0, 0], [2, 0.2, 0]], 'an even straight way is its ends');
  assert.equal(simplified([[0, 0, 0], [1, 0.19, 0], [2, 0.2, 0]], 128).length, 3, 'when it was where counts');
});
