import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Tracker, type Track, type TrackableDetection } from '../src/index.ts';

const person = (x: number, y = 0.5, confidence = 0.9, class_id = 0): TrackableDetection => ({ class_id, confidence, bbox: [x - 0.03, y - 0.1, x + 0.03, y + 0.1] });
const ids = (tracks: readonly Track[]): number[] => tracks.map(({ id }) => id);
const shown = (tracks: readonly Track[]): number[] => ids(tracks.filter(({ isVisible }) => isVisible));

/** The ids, in order, that were given while somebody walks from `from` to `to` (x, 0..1) and is looked at at these times. */
function idsOfWalk(timesS: readonly number[], speedPerS: number, seen: (timeS: number) => boolean = () => true): Set<number> {
  const tracker = new Tracker();
  const given = new Set<number>();
  for (const timeS of timesS) for (const id of ids(tracker.update(seen(timeS) ? [person(0.1 + speedPerS * timeS)] : [], timeS))) given.add(id);
  return given;
}

const timesAt = (fps: number, seconds: number): number[] => Array.from({ length: fps * seconds }, (_, index) => index / fps);

test('something seen once has no id yet; seen again it is a track, which says when it was first seen', () => {
  const tracker = new Tracker();
  assert.deepEqual(tracker.update([person(0.5)], 10), []);
  const [track] = tracker.update([person(0.5)], 10.2);
  assert.deepEqual({ id: track?.id, firstSeenS: track?.firstSeenS, lastSeenS: track?.lastSeenS, detectionIndex: track?.detectionIndex, isVisible: track?.isVisible },
    { id: 1, firstSeenS: 10, lastSeenS: 10.2, detectionIndex: 0, isVisible: true });
});

test('one who walks keeps one id at 30, 5 and 2 looks a second', () => {
  for (const fps of [30, 5, 2]) assert.equal(idsOfWalk(timesAt(fps, 8), 0.1).size, 1, `${fps} fps`);
});

test('uneven intervals do no harm, because motion is in seconds', () => {
  // A fixed sequence of gaps of 33 ms to 0.6 s.
  const gapsS = [0.033, 0.2, 0.6, 0.1, 0.033, 0.4, 0.5, 0.066, 0.3, 0.033, 0.6, 0.2, 0.1, 0.5, 0.4, 0.033];
  let timeS = 0;
  const timesS = gapsS.map((gapS) => (timeS += gapS));
  assert.equal(idsOfWalk(timesS, 0.12).size, 1);
});

test('a fast one at 5 looks a second is met although no two of its boxes overlap', () => {
  // A box is .06 wide and moves .08 between two looks; its speed is known after the first two, which must be closer.
  const timesS = [0, 0.1, 0.2, ...timesAt(5, 2).map((timeS) => 0.4 + timeS)];
  assert.equal(idsOfWalk(timesS, 0.35).size, 1);
});

test('one who was hidden for two seconds gets the same id again, and is not shown meanwhile', () => {
  const tracker = new Tracker();
  const at = (timeS: number): TrackableDetection[] => (timeS >= 2 && timeS < 4 ? [] : [person(0.2 + 0.03 * timeS)]);
  const looks = timesAt(10, 6).map((timeS) => ({ timeS, tracks: tracker.update(at(timeS), timeS) }));
  const during = (fromS: number, toS: number): typeof looks => looks.filter(({ timeS }) => timeS >= fromS && timeS < toS);
  assert.ok(during(2.5, 4).every(({ tracks }) => ids(tracks).length === 1 && shown(tracks).length === 0));
  assert.ok(during(4, 6).every(({ tracks }) => shown(tracks).join() === '1'));
});

test('a track that was not seen for longer than it may be lost has ended, and its id is not given again', () => {
  const tracker = new Tracker();
  for (const timeS of [0, 0.2, 0.4]) tracker.update([person(0.5)], timeS);
  assert.deepEqual(ids(tracker.update([], 4.3)), [1]);
  assert.deepEqual(ids(tracker.update([], 4.5)), []);
  tracker.update([person(0.5)], 4.7);
  assert.deepEqual(ids(tracker.update([person(0.5)], 4.9)), [2]);
});

test('a doubtful detection carries a track on, but begins none', () => {
  const tracker = new Tracker();
  for (const timeS of [0, 0.2, 0.4, 0.6]) assert.deepEqual(tracker.update([person(0.5, 0.5, 0.4)], timeS), []);
  tracker.update([person(0.5, 0.5, 0.9)], 0.8);
  tracker.update([person(0.5, 0.5, 0.9)], 1);
  for (const timeS of [1.2, 1.4, 1.6]) assert.deepEqual(tracker.update([person(0.5, 0.5, 0.4)], timeS).map(({ detectionIndex }) => detectionIndex), [0]);
});

test('things of different classes are different things, wherever they are', () => {
  const tracker = new Tracker();
  for (const timeS of [0, 0.2]) tracker.update([person(0.5, 0.5, 0.9, 0), person(0.5, 0.5, 0.8, 2)], timeS);
  const tracks = tracker.update([person(0.5, 0.5, 0.8, 2), person(0.5, 0.5, 0.9, 0)], 0.4);
  assert.deepEqual(tracks.map(({ classId, detectionIndex }) => [classId, detectionIndex]), [[0, 1], [2, 0]]);
});

test('what a model calls by two names in turns is one thing, called as it was called most; one box with two names at once is one, too', () => {
  const tracker = new Tracker();
  const seen: (readonly Track[])[] = [];
  for (const [index, timeS] of timesAt(5, 6).entries()) seen.push(tracker.update([person(0.2 + 0.05 * timeS, 0.5, 0.9, index % 3 === 1 ? 7 : 2), ...(index > 3 ? [person(0.2 + 0.05 * timeS, 0.5, 0.5, 5)] : [])], timeS));
  assert.deepEqual(new Set(seen.slice(1).flatMap((tracks) => tracks.map(({ id }) => id))), new Set([1]));
  assert.equal(seen.at(-1)![0]!.classId, 2);
});

test('two who walk past one another keep their ids', () => {
  const tracker = new Tracker();
  let last: readonly Track[] = [];
  for (const timeS of timesAt(10, 6)) last = tracker.update([person(0.2 + 0.1 * timeS, 0.5), person(0.8 - 0.1 * timeS, 0.56)], timeS);
  assert.deepEqual(last.map(({ id, detectionIndex }) => [id, detectionIndex]), [[1, 0], [2, 1]]);
});

test('a second box on somebody who is already followed begins no track', () => {
  const tracker = new Tracker();
  for (const timeS of [0, 0.2]) tracker.update([person(0.5)], timeS);
  for (const timeS of [0.4, 0.6, 0.8]) assert.deepEqual(ids(tracker.update([person(0.5), person(0.515, 0.5, 0.7)], timeS)), [1]);
});

test('the unit of boxes does not matter: pixels and shares of the frame give the same tracks', () => {
  const [inShares, inPixels] = [new Tracker(), new Tracker()];
  for (const timeS of timesAt(5, 4)) {
    const seen = [person(0.1 + 0.1 * timeS), person(0.9 - 0.1 * timeS, 0.55, 0.7)];
    const shares = inShares.update(seen, timeS);
    const pixels = inPixels.update(seen.map((detection) => ({ ...detection, bbox: detection.bbox.map((value, index) => value * [1920, 1080][index % 2]!) as typeof detection.bbox })), timeS);
    assert.deepEqual(pixels.map(({ id, detectionIndex }) => [id, detectionIndex]), shares.map(({ id, detectionIndex }) => [id, detectionIndex]));
  }
});

test('a time that goes back, and a reset, start over with new ids', () => {
  const tracker = new Tracker();
  for (const timeS of [100, 100.2]) tracker.update([person(0.5)], timeS);
  assert.deepEqual(tracker.update([person(0.5)], 3), []);
  assert.deepEqual(ids(tracker.update([person(0.5)], 3.2)), [2]);
  tracker.reset();
  assert.deepEqual(tracker.update([person(0.5)], 3.4), []);
});

test('boxes without area and ten thousand boxes at once are borne', () => {
  const tracker = new Tracker();
  const flood = Array.from({ length: 10_000 }, (_, index) => person(0.05 + 0.9 * ((index * 7919) % 10_000) / 10_000, 0.1 + 0.8 * ((index * 104_729) % 10_000) / 10_000, 0.5 + index / 20_000));
  const thin: TrackableDetection[] = [{ class_id: 0, confidence: 1, bbox: [0.5, 0.5, 0.5, 0.9] }, { class_id: 0, confidence: 1, bbox: [0, 0, 1e-200, 1e-200] }];
  tracker.update([...thin, ...flood], 0);
  const tracks = tracker.update([...thin, ...flood], 0.2);
  assert.ok(tracks.every(({ detectionIndex }) => detectionIndex === null || detectionIndex >= thin.length));
  assert.ok(tracks.length > 0 && tracks.length <= 256);
  assert.ok(tracks.every(({ box }) => box.every(Number.isFinite)));
});

const sequence = fileURLToPath(new URL('../../../../shared/data/mot/ADL-Rundle-6', import.meta.url));
test('a street with 24 people is followed as well as the design says, with one configuration for two detectors and two rates', { skip: existsSync(sequence) ? false : 'the test data beside the project is absent' }, () => {
  const script = fileURLToPath(new URL('../../../bench/tracking/main.ts', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [script, '--mot', sequence, '--json'], { encoding: 'utf8' });
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? stderr) as Record<string, { mota: number; idf1: number; hota: number; id_switches: number }>;
  const goals = { public30: [0.36, 0.44, 0.3, 55], public5: [0.31, 0.4, 0.28, 38], yolo30: [0.54, 0.57, 0.44, 40], yolo5: [0.44, 0.54, 0.41, 42] } as const;
  for (const [name, [mota, idf1, hota, idSwitches]] of Object.entries(goals)) {
    const row = result[name]!;
    assert.ok(row.mota >= mota && row.idf1 >= idf1 && row.hota >= hota && row.id_switches <= idSwitches, `${name}: ${JSON.stringify(row)}`);
  }
});
