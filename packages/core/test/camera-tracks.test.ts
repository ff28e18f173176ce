import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreEvent, validator, type Detection, type Look } from '@ruth/protocol';
import { CameraTracks, type TrackEventContent } from '../src/index.ts';
import { person } from './mock-endpoint.ts';

const event = validator(CoreEvent);

/** Look `index` of a camera that is looked at five times a second. */
const lookOf = (index: number, detections: Detection[], epoch = 0): Look => ({
  camera_id: 'front', model_id: 'finder', frame_id: index * 5, captured_at: 1.7e9 + index / 5, pts_us: index * 200_000, epoch, width: 64, height: 48,
  detections, metadata: {}, error: null, error_code: null,
});

const typesOf = (events: readonly TrackEventContent[]): string[] => events.map(({ type, track }) => `${type} ${track.id}`);

test('detections carry the id of their track from its second look on', () => {
  const tracks = new CameraTracks();
  const seen = [0, 1, 2].map((index) => tracks.follow(lookOf(index, [person(0.1), person(0.5)])).look.detections.map(({ track_id }) => track_id));
  assert.deepEqual(seen, [[null, null], [1, 2], [1, 2]]);
});

test('the look that was given is not changed, and what a container says of tracks is not believed', () => {
  const look = lookOf(0, [{ ...person(0.1), track_id: 77 }]);
  const { look: told } = new CameraTracks().follow(look);
  assert.equal(told.detections[0]!.track_id, null);
  assert.equal(look.detections[0]!.track_id, 77);
});

test('a track starts, is updated once a second of the stream, and ends when it was lost for too long', () => {
  const tracks = new CameraTracks();
  const told = Array.from({ length: 40 }, (_, index) => ({ index, events: tracks.follow(lookOf(index, index < 12 ? [person(0.1)] : [])).events }));
  const all = told.flatMap(({ index, events }) => events.map((content) => ({ index, ...content })));
  assert.deepEqual(all.map(({ index, type }) => [index, type]), [[1, 'track.started'], [6, 'track.updated'], [11, 'track.updated'], [32, 'track.ended']]);
  const ended = all.at(-1)!;
  // The frame where it was last seen, so that a click lands on a picture with it.
  assert.deepEqual([ended.frame_id, ended.captured_at, ended.track.last_seen], [55, 1.7e9 + 2.2, 1.7e9 + 2.2]);
  assert.ok(Math.abs(ended.track.first_seen - 1.7e9) < 1e-3);
  assert.deepEqual([ended.camera_id, ended.model_id, ended.track.class_name], ['front', 'finder', 'person']);
});

test('every event is what the contract says, also for a box that leaves the frame', () => {
  const tracks = new CameraTracks();
  let count = 0;
  for (let index = 0; index < 20; index++) {
    const left = Math.max(0, 0.3 - 0.03 * index);
    const { events } = tracks.follow(lookOf(index, [{ ...person(0), bbox: [left, 0, left + 0.1, 1] }]));
    for (const content of events) {
      assert.deepEqual(event.violations({ id: count++, version: 1, at: 1.7e9, ...content }), []);
    }
  }
  assert.ok(count > 2);
});

test('a new epoch of the stream ends all tracks and begins others', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]));
  assert.deepEqual(typesOf(tracks.follow(lookOf(2, [person(0.1)], 1)).events), ['track.ended 1']);
  assert.deepEqual(typesOf(tracks.follow(lookOf(3, [person(0.1)], 1)).events), ['track.started 2']);
});

test('a silence longer than a track may be lost ends it, although the same thing is there again', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]));
  assert.deepEqual(typesOf(tracks.follow(lookOf(40, [])).events), ['track.ended 1']);
});

test('what is ended from outside is said once', () => {
  const tracks = new CameraTracks();
  for (const index of [0, 1]) tracks.follow(lookOf(index, [person(0.1)]));
  assert.deepEqual(typesOf(tracks.end()), ['track.ended 1']);
  assert.deepEqual(tracks.end(), []);
  assert.deepEqual(tracks.follow(lookOf(2, [])).events, []);
});
