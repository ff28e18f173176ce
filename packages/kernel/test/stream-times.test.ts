import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeTimes, RateMeter, StreamClock } from '../src/index.ts';

test('the epoch grows when the stream begins anew and when its clock jumps back', () => {
  const clock = new StreamClock(100);
  clock.restart();
  assert.equal(clock.epoch, 101);
  for (const pts of [0, 3600, 7200]) clock.stamp(pts, 3600);
  assert.equal(clock.epoch, 101);
  clock.stamp(200_000, 3600);
  assert.equal(clock.epoch, 101, 'a jump ahead is a gap of the same clock');
  clock.stamp(0, 3600);
  assert.equal(clock.epoch, 102);
  clock.stamp(3600, 3600);
  assert.equal(clock.epoch, 102);
});

test('B-frames that step back a few pictures do not begin an epoch', () => {
  const clock = new StreamClock(1);
  for (const pts of [0, 14_400, 7200, 3600, 10_800, 28_800, 21_600]) clock.stamp(pts, 3600);
  assert.equal(clock.epoch, 1);
});

test('a packet without pts follows the one before by its duration', () => {
  const clock = new StreamClock(1);
  clock.stamp(9000, 3600);
  assert.equal(clock.stamp(null, 1800), 10_800);
  assert.equal(clock.stamp(null, 0), 14_400);
});

test('a rate is measured over the last time stamps, in any order', () => {
  const meter = new RateMeter(10);
  assert.equal(meter.perSecond, null);
  for (let i = 0; i < 30; i++) meter.add((i ^ 1) * 40_000);
  assert.equal(Math.round(meter.perSecond!), 25);
  meter.clear();
  assert.equal(meter.perSecond, null);
});

test('decode times grow and are never after the display time, for streams with and without B-frames', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 4, max: 60 }), (depth, pictures) => {
    // Decode order of a pyramid: each group of depth + 1 pictures begins with its last.
    const order: number[] = [0];
    for (let group = 0; order.length < pictures; group++) {
      const first = 1 + group * (depth + 1);
      order.push(first + depth, ...Array.from({ length: depth }, (_, index) => first + index));
    }
    const times = new DecodeTimes(depth);
    let last = -Infinity;
    for (const picture of order) {
      const dts = times.next(picture * 3600, 3600);
      assert.ok(dts > last, 'decode times grow');
      assert.ok(dts <= picture * 3600, 'decoded before it is shown');
      last = dts;
    }
  }));
});

test('without B-frames the decode time is the display time', () => {
  const times = new DecodeTimes(0);
  assert.deepEqual([0, 3600, 7200].map((pts) => times.next(pts, 3600)), [0, 3600, 7200]);
});
