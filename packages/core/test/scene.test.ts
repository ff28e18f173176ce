import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Point, SceneConfig } from '@ruth/protocol';
import { Area, Course, RecordingTime } from '../src/index.ts';
import { every, walk, watched, Watch, type Walker } from './walks.ts';

/** The right half of the picture, and the line along its left edge, "in" to the right: drawn upwards. */
const door: SceneConfig = {
  zones: [{ id: 'mat', polygon: [[0.5, 0.4], [0.9, 0.4], [0.9, 1], [0.5, 1]], dwell_s: 5 }],
  lines: [{ id: 'sill', points: [[0.5, 1], [0.5, 0.4]] }],
};
const through = walk([0.2, 0.7], [0.8, 0.7], 1, 5);
const and = (...parts: [untilS: number, walker: Walker][]): Walker => (timeS) => parts.find(([untilS]) => timeS < untilS)![1](timeS);
const gone: Walker = () => null;

test('who walks through a zone enters it, stays, and leaves it: each is told once, with the frame that shows it', () => {
  const watch = watched(door, every(0.2, 20), [and([8, walk([0.2, 0.7], [0.8, 0.7], 1, 4)], [99, walk([0.8, 0.7], [0.2, 0.7], 8, 11)])]);
  const [entered, left, ...more] = watch.of('zone.entered', 'zone.left');
  assert.equal(more.length, 0);
  assert.ok(entered!.timeS > 2.4 && entered!.timeS < 3.2, `${entered!.timeS}`);
  assert.deepEqual([entered!.zone, entered!.track.zones, entered!.frame_id, entered!.camera_id], ['mat', ['mat'], Math.round(entered!.timeS * 1000), 'front']);
  assert.ok(left!.type === 'zone.left' && left!.reason === 'left' && Math.abs(left!.stay_s - (left!.timeS - entered!.timeS)) < 0.7);
  const [dwelt, ...again] = watch.of('dwell');
  assert.equal(again.length, 0);
  assert.ok(dwelt!.stay_s >= 5 && dwelt!.stay_s < 5.3);
  assert.deepEqual(watch.of('line.crossed').map(({ direction }) => direction), ['in', 'out']);
});

test('who vanishes inside under looks that could have seen it is lost; who could not be looked at is not said to have left', () => {
  const lost = watched(door, every(0.2, 20), [and([8, through], [99, gone])]);
  const [left] = lost.of('zone.left');
  assert.deepEqual([left!.reason, left!.captured_at], ['lost', lost.of('track.ended')[0]!.captured_at]);
  const failed = new Watch(door);
  for (const timeS of every(0.2, 8)) failed.look(timeS, [through]);
  for (const timeS of every(0.2, 10)) failed.look(8.2 + timeS, [gone], 'it is overloaded');
  for (const timeS of every(0.2, 1)) failed.look(20 + timeS, [gone]);
  assert.deepEqual(failed.of('zone.left'), []);
  assert.deepEqual(failed.of('track.ended').map(({ reason }) => reason), ['could_not_look']);
});

test('a few looks that failed are no leaving and no coming', () => {
  const watch = new Watch(door);
  for (const timeS of every(0.2, 20)) watch.look(timeS, [through], timeS > 6 && timeS < 9 ? 'it is overloaded' : null);
  assert.deepEqual([watch.of('zone.entered').length, watch.of('zone.left').length, watch.of('track.ended').length], [1, 0, 0]);
  assert.equal(watch.of('dwell').length, 1);
});

test('who wavers on the edge neither comes nor goes again and again, and crosses the line once', () => {
  const wavering: Walker = (timeS) => ({ x: Math.min(0.2 + 0.1 * timeS, 0.5) + (timeS > 3 && timeS < 30 ? 0.008 * Math.sin(5 * timeS) : 0) + (timeS > 30 ? Math.min(0.3, (timeS - 30) * 0.1) : 0), y: 0.7 });
  const watch = watched(door, every(0.2, 40), [wavering]);
  assert.ok(watch.of('zone.entered', 'zone.left').length <= 3, watch.of('zone.entered', 'zone.left').map(({ type, timeS }) => `${type} ${timeS}`).join());
  assert.deepEqual(watch.of('line.crossed').map(({ direction }) => direction), ['in']);
});

test('who goes to and fro over a line is counted once each way, or each time where that is asked for', () => {
  const restless: Walker = (timeS) => ({ x: 0.5 + 0.25 * Math.sin(timeS - 1.5), y: 0.7 });
  for (const [counts, expected] of [[undefined, ['in', 'out']], ['tracks', ['in', 'out']], ['crossings', ['in', 'out', 'in', 'out']]] as const) {
    const watch = watched({ lines: [{ ...door.lines![0]!, ...(counts ? { counts } : {}) }] }, every(0.2, 12.5), [restless]);
    assert.deepEqual(watch.of('line.crossed').map(({ direction }) => direction), expected, counts);
  }
});

test('who turns back on the line has not crossed it, and who walks around its end has not, either', () => {
  const turning = watched(door, every(0.1, 20), [and([5, walk([0.2, 0.7], [0.505, 0.7], 0, 4)], [99, walk([0.505, 0.7], [0.2, 0.7], 5, 8)])]);
  assert.deepEqual(turning.of('line.crossed'), []);
  const around = watched(door, every(0.2, 20), [and([6, walk([0.4, 0.9], [0.4, 0.32], 0, 5)], [12, walk([0.4, 0.32], [0.6, 0.32], 6, 10)], [99, walk([0.6, 0.32], [0.6, 0.9], 12, 16)])]);
  assert.deepEqual(around.of('line.crossed'), []);
});

test('who has just gone over the line and vanishes there, as in a doorway, has crossed it', () => {
  const watch = watched(door, every(0.2, 12), [and([4.2, walk([0.2, 0.7], [0.52, 0.7], 0, 4)], [99, gone])]);
  assert.deepEqual(watch.of('line.crossed').map(({ direction, track }) => [direction, track.id]), [['in', 1]]);
});

test('only what a zone or line counts has to do with it', () => {
  const only: SceneConfig = { zones: [{ ...door.zones![0]!, classes: ['car'] }], lines: [{ ...door.lines![0]!, classes: ['car'] }] };
  const watch = watched(only, every(0.2, 10), [through]);
  assert.deepEqual(watch.of('zone.entered', 'line.crossed', 'dwell'), []);
});

test('how many are in a zone is told when it changed, at most once a second, and null once nobody looks', () => {
  const watch = watched(door, every(0.1, 20), [through, walk([0.2, 0.9], [0.7, 0.9], 1, 4), and([12, walk([0.85, 0.6], [0.85, 0.6], 0, 1)], [99, gone])]);
  const told = watch.of('occupancy');
  assert.deepEqual(told.map(({ count }) => count), [0, 1, 2, 3, 2]);
  for (const [index, { timeS }] of told.entries()) if (index > 0) assert.ok(timeS - told[index - 1]!.timeS >= 1 - 1e-9);
  assert.deepEqual(told.at(-1)!.by_class, { person: 2 });
  watch.note(watch.understanding.tick(1.7e9 + 29), 29);
  assert.equal(watch.of('occupancy').length, told.length, 'nine seconds are not yet long');
  watch.note(watch.understanding.tick(1.7e9 + 31), 31);
  watch.note(watch.understanding.tick(1.7e9 + 32), 32);
  assert.deepEqual(watch.of('occupancy').slice(told.length).map(({ count }) => count), [null]);
});

test('speed and direction are of the picture, and of the ground where it is known', () => {
  const ground: SceneConfig = { ground_plane: { points: [{ image: [0, 0], ground: [0, 0] }, { image: [1, 0], ground: [32, 0] }, { image: [1, 1], ground: [32, 18] }, { image: [0, 1], ground: [0, 18] }] } };
  const watch = watched(ground, every(0.2, 6), [walk([0.1, 0.7], [0.9, 0.7], 0, 8)]);
  const { speed } = watch.of('track.updated').at(-1)!.track;
  assert.ok(Math.abs(speed!.frames_per_s - 0.1 * 16 / 9) < 0.02, JSON.stringify(speed));
  assert.ok(Math.abs(speed!.metres_per_s! - 3.2) < 0.3);
  assert.ok(Math.abs(speed!.heading_degrees! - 90) < 5);
  const still = watched({}, every(0.2, 6), [() => ({ x: 0.5, y: 0.7 })]).of('track.updated').at(-1)!.track.speed!;
  assert.deepEqual([still.metres_per_s, still.heading_degrees], [null, null]);
});

test('what stands under a mask is no track; what is hidden for motion alone is', () => {
  const mask = (hides: ('motion' | 'objects')[]): SceneConfig => ({ masks: [{ polygon: [[0, 0], [1, 0], [1, 1], [0, 1]], hides }] });
  assert.equal(watched(mask(['objects']), every(0.2, 2), [through]).of('track.started').length, 0);
  assert.equal(watched(mask(['motion']), every(0.2, 2), [through]).of('track.started').length, 1);
});

const bag: Walker = () => ({ x: 0.5, y: 0.8, height: 0.1, of: 'suitcase' });
const owner = and([5, walk([0.5, 0.82], [0.5, 0.82], 0, 1)], [12, walk([0.5, 0.82], [0.05, 0.82], 5, 9)], [999, gone]);
const leaving: SceneConfig = { left_objects: { after_s: 10, gone_s: 3 } };

test('a thing that lies still with nobody near is left, its owner is named, and it is removed when it is gone', () => {
  const watch = watched(leaving, every(0.2, 60), [and([40, bag], [999, gone]), owner]);
  const [left, removed, ...more] = watch.of('object.left', 'object.removed');
  assert.equal(more.length, 0);
  assert.ok(left!.type === 'object.left' && left!.timeS > 15 && left!.timeS < 19, `${left!.timeS}`);
  const person = watch.of('track.started').find(({ track }) => track.class_name === 'person')!.track.id;
  assert.equal(left!.owner_track_id, person);
  assert.ok(removed!.type === 'object.removed' && removed!.timeS > 42.5 && removed!.timeS < 44);
});

test('a thing is not left while its owner stands by, nor removed while somebody stands before it', () => {
  const beside = watched(leaving, every(0.2, 60), [bag, () => ({ x: 0.55, y: 0.82 })]);
  assert.deepEqual(beside.of('object.left', 'object.removed'), []);
  const before: Walker = (timeS) => (timeS > 20 && timeS < 35 ? { x: 0.5, y: 0.85, height: 0.4 } : null);
  const hidden = watched(leaving, every(0.2, 60), [(timeS) => (timeS > 20.2 && timeS < 34.8 ? null : bag(timeS)), before]);
  assert.deepEqual(hidden.of('object.left', 'object.removed').map(({ type }) => type), ['object.left']);
});

test('a thing that is carried through the picture is neither left nor removed', () => {
  const watch = watched(leaving, every(0.2, 60), [(timeS) => (timeS < 30 ? { x: 0.1 + 0.025 * timeS, y: 0.8, height: 0.1, of: 'suitcase' } : null)]);
  assert.deepEqual(watch.of('object.left', 'object.removed'), []);
});

// State is in time: whoever walks through at any rate and unevenly, with looks missing, crosses once and enters once.
test('at any rate and uneven intervals the same things happen', () => {
  const interval = fc.double({ min: 0.03, max: 0.45, noNaN: true });
  fc.assert(fc.property(fc.array(interval, { minLength: 150, maxLength: 150 }), fc.boolean(), fc.array(fc.nat(99), { maxLength: 10 }), (intervals, back, failing) => {
    const watch = new Watch(door);
    let [timeS, seenS, unseenS] = [0, 0, 0];
    for (const [index, elapsedS] of intervals.entries()) {
      timeS += elapsedS;
      if (!failing.includes(index)) {
        // Who sets off or stops is elsewhere than foreseen while nobody looks: in 0.9 s by a whole width, and then nothing says that it is the same.
        for (const turnS of [2, 8]) if (seenS < turnS + 1 && timeS > turnS) unseenS = Math.max(unseenS, timeS - seenS);
        seenS = timeS;
      }
      const at = back ? walk([0.8, 0.7], [0.2, 0.7], 2, 8) : walk([0.2, 0.7], [0.8, 0.7], 2, 8);
      watch.look(timeS, [at], failing.includes(index) ? 'it failed' : null);
    }
    if (timeS < 12 || unseenS > 0.7) return;
    assert.deepEqual(watch.of('line.crossed').map(({ direction }) => direction), [back ? 'out' : 'in']);
    assert.deepEqual(watch.of('zone.entered', 'zone.left').map(({ type }) => type), back ? ['zone.entered', 'zone.left'] : ['zone.entered']);
  }), { numRuns: 30 });
});

const share = fc.integer({ min: 0, max: 50 }).map((value) => value / 50);
const point: fc.Arbitrary<Point> = fc.tuple(share, share);

test('a closed way crosses a line as often to the right as to the left; a way and its reverse cancel', () => {
  fc.assert(fc.property(fc.array(point, { minLength: 2, maxLength: 12 }), (way) => {
    const course = new Course([[0.1, 0.5], [0.4, 0.3], [0.6, 0.52], [0.94, 0.5]], 1.5);
    const net = (points: readonly Point[]): number => points.slice(1).reduce((sum, to, index) => sum + course.crossings(points[index]!, to), 0);
    assert.equal(net(way) + net([...way].reverse()), 0);
    // The first step of this one goes through the end of the line.
  }), { examples: [[[[0.28, 0], [0.02, 1], [0, 0], [0, 0]]]] });
  // From border to border the line parts the picture: what counts is which side a way begins and ends on.
  fc.assert(fc.property(fc.array(point, { minLength: 2, maxLength: 12 }), (way) => {
    const course = new Course([[-1, 0.5], [0.5, 0.5], [2, 0.5]], 1);
    const net = way.slice(1).reduce((sum, to, index) => sum + course.crossings(way[index]!, to), 0);
    const isIn = ([, y]: Point): number => (y >= 0.5 ? 1 : 0);
    assert.equal(net, isIn(way.at(-1)!) - isIn(way[0]!), 'drawn from left to right, "in" is downwards');
  }));
});

test('a point inside a polygon is one to whose every side it lies the same way, in a polygon without dents', () => {
  fc.assert(fc.property(point, fc.integer({ min: 3, max: 9 }), (at, corners) => {
    const polygon = Array.from({ length: corners }, (_, index): Point => [0.5 + 0.4 * Math.cos(2 * Math.PI * index / corners), 0.5 + 0.4 * Math.sin(2 * Math.PI * index / corners)]);
    const area = new Area(polygon, 1);
    const sides = polygon.map(([x, y], index) => { const [toX, toY] = polygon[(index + 1) % corners]!; return (toX - x) * (at[1] - y) - (toY - y) * (at[0] - x); });
    if (sides.some((side) => Math.abs(side) < 1e-9)) return;
    assert.equal(area.contains(at), sides.every((side) => side > 0));
  }));
});

test('the instant of the recording is free of the jitter with which frames come', () => {
  const time = new RecordingTime();
  const delays = [0, 0.03, 0.01, 0.2, 0.05, 0.31, 0, 0.12];
  const told = delays.map((delay, index) => time.at({ epoch: 0, pts_us: index * 200_000, captured_at: 1.7e9 + index / 5 + delay }) - 1.7e9 - index / 5);
  assert.ok(told.every((error) => Math.abs(error) < 1e-6), told.join());
  assert.ok(Math.abs(time.at({ epoch: 1, pts_us: 0, captured_at: 1.7e9 + 100 }) - 1.7e9 - 100) < 1e-6);
});
