// The clip that plays like a camera: endless, gapless, without drift, by an injected clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClipSource, type AccessUnit, type Clip, type Clock } from '../src/live/rtsp/index.ts';

/** Ten pictures a second; the keyframe first; decoded in another order than shown. */
const clip: Clip = {
  video: { codec: 'h264', parameterSets: [], frameRate: 10 },
  units: [0, 200_000, 100_000, 300_000].map((ptsUs, index) => ({ nals: [Buffer.from([index])], keyframe: index === 0, ptsUs, dtsUs: (index - 1) * 100_000 })),
  durationUs: 400_000,
};

class ManualClock implements Clock {
  #nowMs = 5000;
  #due: { atMs: number; call: () => void } | null = null;
  nowMs(): number { return this.#nowMs; }
  after(delayMs: number, call: () => void): () => void {
    const due = this.#due = { atMs: this.#nowMs + delayMs, call };
    return () => { if (this.#due === due) this.#due = null; };
  }
  /** Timers come `lateMs` late, as real ones do. */
  advance(ms: number, lateMs = 0): void {
    const endMs = this.#nowMs + ms;
    while (this.#due && this.#due.atMs + lateMs <= endMs) {
      const { atMs, call } = this.#due;
      this.#due = null;
      this.#nowMs = Math.max(this.#nowMs, atMs + lateMs);
      call();
    }
    this.#nowMs = endMs;
  }
  get waiting(): boolean { return this.#due !== null; }
}

test('a clip goes on past its end with times that only grow, one picture per interval', () => {
  const clock = new ManualClock();
  using source = new ClipSource(clip, clock);
  const units: AccessUnit[] = [];
  using subscription = source.subscribe((unit) => units.push(unit));
  assert.equal(subscription.backlog.length, 1);
  clock.advance(1200);
  assert.equal(units.length, 12);
  const shown = [...subscription.backlog, ...units].map((unit) => unit.ptsUs).toSorted((a, b) => a - b);
  assert.deepEqual(shown, shown.map((_, index) => index * 100_000));
  assert.deepEqual(units.filter((unit) => unit.keyframe).map((unit) => unit.ptsUs), [400_000, 800_000, 1_200_000]);
});

test('timers that come late do not add up', () => {
  const clock = new ManualClock();
  using source = new ClipSource(clip, clock);
  let count = 0;
  using _ = source.subscribe(() => count++);
  clock.advance(600_000, 15);
  assert.ok(count === 6000 || count === 5999, `${count} pictures in ten minutes at ten a second`);
  assert.equal(source.interruptions, 0);
});

test('after a long interruption the clip goes on where it was, without a burst', () => {
  const clock = new ManualClock();
  using source = new ClipSource(clip, clock);
  const units: AccessUnit[] = [];
  using _ = source.subscribe((unit) => units.push(unit));
  clock.advance(60_100, 60_000);
  assert.equal(units.length, 1);
  assert.equal(source.interruptions, 1);
  clock.advance(1000);
  assert.equal(units.length, 11);
});

test('a source that was closed leaves no timer', () => {
  const clock = new ManualClock();
  const source = new ClipSource(clip, clock);
  assert.ok(clock.waiting);
  source[Symbol.dispose]();
  assert.ok(!clock.waiting);
});
