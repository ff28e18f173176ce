import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PublicationGate } from '../src/index.ts';

/** Times of the frames published out of `frames` times, in microseconds. */
function published(fps: number, times: readonly number[], streamFps: number | null): number[] {
  const gate = new PublicationGate();
  gate.fps = fps;
  return times.filter((timeUs) => gate.due(timeUs, 1, streamFps));
}

const stream = (fps: number, seconds: number, jitterUs: (index: number) => number = () => 0): number[] =>
  Array.from({ length: fps * seconds }, (_, index) => Math.round(index * 1e6 / fps + jitterUs(index)));

for (const fps of [1, 2, 5, 7.5, 10, 12]) {
  test(`${fps} of 25 frames a second are published exactly over a minute`, () => {
    const count = published(fps, stream(25, 60), 25).length;
    assert.ok(Math.abs(count - fps * 60) <= 1, `published ${count}`);
  });
}

test('above half the rate of the stream every frame is published, for the reader to choose', () => {
  assert.equal(published(15, stream(25, 10), 25).length, 250);
  assert.equal(published(240, stream(25, 10), 25).length, 250);
});

test('never more than one frame a slot, whatever the jitter: no window holds more than its share and one', () => {
  fc.assert(fc.property(fc.double({ min: 0.5, max: 12, noNaN: true }), fc.array(fc.integer({ min: 0, max: 39_000 }), { minLength: 250, maxLength: 250 }), (fps, jitter) => {
    const times = published(fps, stream(25, 10, (index) => jitter[index]!), 25);
    for (let first = 0; first < times.length; first += 7) {
      const inWindow = times.filter((timeUs) => timeUs >= times[first]! && timeUs < times[first]! + 2e6).length;
      assert.ok(inWindow <= Math.ceil(2 * fps) + 1, `${inWindow} in two seconds at ${fps}`);
    }
  }), { numRuns: 50 });
});

test('a reader that anchors at any published frame finds one in each of its slots', () => {
  const times = published(5, stream(25, 20), 25);
  for (const anchor of times.slice(0, 10)) {
    const slots = new Set(times.map((timeUs) => Math.floor((timeUs - anchor) * 5 / 1e6 + 0.5)));
    assert.equal(slots.size, times.length);
  }
});

test('nothing is caught up after a gap', () => {
  const times = published(5, [...stream(25, 2), ...stream(25, 2).map((timeUs) => timeUs + 60e6)], 25);
  assert.ok(times.length >= 20 && times.length <= 22, `published ${times.length}`);
});

test('a clock that begins anew is anchored anew', () => {
  const gate = new PublicationGate();
  gate.fps = 5;
  assert.equal(gate.due(50e6, 1, 25), true);
  assert.equal(gate.due(0, 2, 25), true);
  assert.equal(gate.due(40_000, 2, 25), false);
});

test('without demand nothing is due', () => {
  assert.equal(new PublicationGate().due(0, 1, 25), false);
});
