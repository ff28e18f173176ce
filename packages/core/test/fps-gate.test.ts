import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FpsGate, type FrameTime } from '../src/index.ts';

interface StreamOptions { tickUs?: number; phaseUs?: number; jitterUs?: () => number }

/** Frame times as a camera gives them: pts rounded to what its clock can say. */
function steadyStream(fps: number, seconds: number, { tickUs = 1, phaseUs = 0, jitterUs = () => 0 }: StreamOptions = {}): FrameTime[] {
  return Array.from({ length: Math.round(fps * seconds) }, (_, index) => {
    const ptsUs = Math.round((phaseUs + index * 1e6 / fps + jitterUs()) / tickUs) * tickUs;
    return { ptsUs, capturedAtUs: 1.7e15 + ptsUs, epoch: 1 };
  });
}

const looks = (fps: number, frames: readonly FrameTime[]): number[] => {
  const gate = new FpsGate(fps);
  return frames.filter((frame) => gate.isDue(frame)).map((frame) => frame.ptsUs);
};

/** In every stretch that begins at a look, n looks take more than n - 2 periods. */
function assertNeverMore(fps: number, times: readonly number[]): void {
  const periodUs = 1e6 / fps;
  // With u = t - index x period, a stretch from i to j holds too many where u falls by two periods or more.
  let highest = -Infinity;
  for (const [index, time] of times.entries()) {
    const lead = time - index * periodUs;
    assert.ok(lead > highest - periodUs, `look ${index} at ${time} us is one too many`);
    highest = Math.max(highest, lead);
  }
}

function assertRate(fps: number, seconds: number, times: readonly number[], slack = 0): void {
  const wanted = fps * seconds;
  assert.ok(Math.abs(times.length - wanted) <= Math.max(wanted * 0.01, slack), `${times.length} looks in ${seconds} s for ${fps} fps`);
}

for (const asked of [1, 5, 12, 15, 25, 30]) {
  test(`${asked} fps of a 30 fps stream are within 1 % of that over a minute, without a burst`, () => {
    for (const tickUs of [1, 1000, 1e6 / 90_000]) {
      for (const phaseUs of [0, 1, 33_333, 123_456_789]) {
        const times = looks(asked, steadyStream(30, 60, { tickUs, phaseUs }));
        assertRate(asked, 60, times);
        assertNeverMore(asked, times);
        const gaps = times.slice(1).map((time, index) => time - times[index]!);
        const sourceUs = 1e6 / 30 + 2 * tickUs;
        assert.ok(Math.min(...gaps) >= 1e6 / asked - sourceUs, `two looks ${Math.min(...gaps)} us apart`);
        assert.ok(Math.max(...gaps) <= 1e6 / asked + sourceUs, `no look for ${Math.max(...gaps)} us`);
      }
    }
  });
}

test('any rate of any steady stream that is as fast is within 1 %, and never more than asked', () => {
  fc.assert(fc.property(fc.double({ min: 0.2, max: 120, noNaN: true }), fc.double({ min: 1, max: 8, noNaN: true }), fc.nat(1e9), (fps, times, phaseUs) => {
    const sourceFps = Math.min(fps * times, 240);
    fc.pre(sourceFps >= fps);
    const seconds = Math.max(20, 400 / fps);
    const found = looks(fps, steadyStream(sourceFps, seconds, { phaseUs }));
    assertRate(fps, seconds, found, 1);
    assertNeverMore(fps, found);
  }), { numRuns: 300 });
});

test('whatever the frame times, there are never more looks than asked', () => {
  const gapsUs = fc.array(fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 5_000_000 })), { maxLength: 400 });
  fc.assert(fc.property(fc.double({ min: 0.2, max: 240, noNaN: true }), gapsUs, (fps, gaps) => {
    let ptsUs = 0;
    const times = looks(fps, gaps.map((gap) => ({ ptsUs: ptsUs += gap, capturedAtUs: ptsUs, epoch: 0 })));
    assertNeverMore(fps, times);
    for (const [index, time] of times.entries()) assert.ok(index === 0 || time - times[index - 1]! >= 0.25e6 / fps);
  }), { numRuns: 500 });
});

test('jitter of the frame times does not lower the rate', () => {
  for (const asked of [1, 5, 12, 15, 25, 29, 30]) {
    let seed = 7;
    const random = (): number => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
    const times = looks(asked, steadyStream(30, 60, { jitterUs: () => random() * 4000 }));
    assertRate(asked, 60, times);
  }
});

test('what a first gate lets through, a second one of the same rate lets through again', () => {
  for (const asked of [1, 5, 12, 15, 25]) {
    const first = new FpsGate(asked);
    // The kernel publishes only due frames, and core joins at any of them.
    const published = steadyStream(30, 60).filter((frame) => first.isDue(frame)).slice(7);
    assert.ok(looks(asked, published).length >= published.length - 2, `${asked} fps`);
  }
});

test('a stream slower than asked is looked at in full', () => {
  for (const source of [1, 7, 10, 24.9]) assert.equal(looks(25, steadyStream(source, 60)).length, Math.round(source * 60));
});

test('what a stall missed is not caught up', () => {
  const frames = [...steadyStream(30, 10), ...steadyStream(30, 10, { phaseUs: 40e6 })];
  const times = looks(5, frames);
  assert.ok(times.length <= 101 && times.length >= 99, `${times.length}`);
  const after = times.filter((time) => time >= 40e6);
  assert.ok(after[1]! - after[0]! > 160_000);
});

test('a new epoch is gated from its own first frame', () => {
  const gate = new FpsGate(1);
  const at = (ptsUs: number, capturedAtUs: number, epoch: number): FrameTime => ({ ptsUs, capturedAtUs, epoch });
  assert.equal(gate.isDue(at(90e6, 100e6, 1)), true);
  assert.equal(gate.isDue(at(90.5e6, 100.5e6, 1)), false);
  assert.equal(gate.isDue(at(0, 130e6, 2)), true, 'long after the last look');
  assert.equal(gate.isDue(at(0.5e6, 130.5e6, 2)), false);
});

test('a camera whose clock begins anew again and again is not looked at more often for that', () => {
  const gate = new FpsGate(2);
  let due = 0;
  for (let frame = 0; frame < 60 * 30; frame++) {
    if (gate.isDue({ ptsUs: frame % 3 * 1000, capturedAtUs: frame * 1e6 / 30, epoch: Math.floor(frame / 3) })) due++;
  }
  assert.ok(due <= 60 * 2 * 4 / 3 + 1, `${due} looks in a minute`);
  assert.ok(due >= 60, `${due} looks in a minute`);
});

test('a rate that is none is refused', () => {
  for (const fps of [0, -1, NaN, Infinity]) assert.throws(() => new FpsGate(fps), RangeError);
});
