// When a frame is looked for: a simulated ring and clock, no waiting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NextFrame } from '../src/next-frame.ts';

interface Publication { readonly ptsMs: number; readonly atMs: number }

/** Looks at a ring as a FrameSource does. Returns how late each frame was found, and how often was looked. */
function follow(publications: readonly Publication[], fps: number): { lateMs: number[]; looks: number } {
  const next = new NextFrame(fps);
  const lateMs: number[] = [];
  let looks = 0;
  let found = 0;
  for (let nowMs = 0; found < publications.length; nowMs += Math.max(3, next.waitMs(nowMs))) {
    looks++;
    for (; found < publications.length && publications[found]!.atMs <= nowMs; found++) {
      const { ptsMs, atMs } = publications[found]!;
      next.seen({ ptsUs: ptsMs * 1000, epoch: 0 }, atMs);
      lateMs.push(nowMs - atMs);
    }
  }
  return { lateMs, looks };
}

/** Even intervals; `delayMs` from pts to publication. */
const stream = (frames: number, intervalMs: number, delayMs: (index: number) => number): Publication[] =>
  Array.from({ length: frames }, (_, index) => ({ ptsMs: index * intervalMs, atMs: 1000 + index * intervalMs + delayMs(index) }));
/** 0 to 1, the same in each run. */
const noise = (index: number): number => (Math.sin(index * 12.9898) * 43758.5453 % 1 + 1) % 1;

test('a frame of an even stream is found within milliseconds, by one look', () => {
  for (const [fps, intervalMs] of [[5, 200], [25, 40], [1, 1000]] as const) {
    const { lateMs, looks } = follow(stream(400, intervalMs, (index) => 2 * noise(index)), fps);
    const settled = lateMs.slice(50);
    assert.ok(Math.max(...settled) <= 5, `at ${fps} fps up to ${Math.max(...settled)} ms late`);
    // What is further away than half a second is looked for in between; so is the first frame.
    assert.ok(looks <= 400 * Math.ceil(intervalMs / 500) * 1.15 + 400, `${looks} looks for 400 frames at ${fps} fps`);
  }
});

test('where frames come unevenly each is found within 10 ms', () => {
  const { lateMs } = follow(stream(600, 200, (index) => 60 * noise(index)), 5);
  assert.ok(Math.max(...lateMs.slice(50)) <= 10 + 3, `up to ${Math.max(...lateMs.slice(50))} ms late`);
});

test('a frame that is left out, and alternating intervals, make none late', () => {
  const uneven = stream(900, 100, () => 1).filter((_, index) => index % 3 !== 1 && index !== 601);
  assert.ok(Math.max(...follow(uneven, 10).lateMs.slice(50)) <= 10 + 3);
});

test('frames are looked for as often as they are asked for, where their pts run faster than time, or slower, or jump', () => {
  for (const speed of [5, 0.5]) {
    const { lateMs } = follow(stream(300, 100, () => 1).map(({ ptsMs, atMs }) => ({ ptsMs: ptsMs * speed, atMs })), 10);
    assert.ok(Math.max(...lateMs.slice(50)) <= 10 + 3, `at ${speed} times the speed up to ${Math.max(...lateMs.slice(50))} ms late`);
  }
  const jump = stream(300, 100, () => 1).map(({ ptsMs, atMs }, index) => ({ ptsMs: ptsMs + (index < 150 ? 0 : 3_600_000), atMs }));
  assert.ok(Math.max(...follow(jump, 10).lateMs.slice(50)) <= 10 + 3);
});

test('a stream that stands still is looked at every 10 ms, and one whose next frame is far away every half second', () => {
  const next = new NextFrame(5);
  next.seen({ ptsUs: 0, epoch: 0 }, 0);
  assert.equal(next.waitMs(0), 202);
  const waits = Array.from({ length: 8 }, () => next.waitMs(300));
  assert.deepEqual(waits.slice(0, 3), [3, 4.5, 6.75]);
  assert.equal(waits.at(-1), 10);
  const slow = new NextFrame(0.1);
  slow.seen({ ptsUs: 0, epoch: 0 }, 0);
  assert.equal(slow.waitMs(0), 500);
});
