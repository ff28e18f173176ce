// One frame on or back, by what the media itself says of its frames.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameTimes } from '@ruth/web';
import { fragment } from '../../kernel/src/mp4/index.ts';

const TICKS_PER_SECOND = 90_000;

/** A piece as the kernel records it: fragments of pictures in order of decoding, with sound beside them. Times in ms. */
function piece(durationsMs: readonly number[], { compositionsMs = [], perFragment = 12 }: { compositionsMs?: readonly number[]; perFragment?: number } = {}): ArrayBuffer {
  const samples = durationsMs.map((durationMs, index) => ({ nals: [Buffer.alloc(20, 1)], durationTicks: durationMs * 90, compositionTicks: (compositionsMs[index] ?? 0) * 90, keyframe: index === 0 }));
  const parts: Buffer[] = [];
  let decodeTicks = 7 * TICKS_PER_SECOND;
  for (let from = 0; from < samples.length; from += perFragment) {
    const some = samples.slice(from, from + perFragment);
    parts.push(fragment({ sequence: from + 1, video: { decodeTicks, samples: some }, audio: { decodeTicks: 0, samples: [{ data: Buffer.alloc(9), durationTicks: 1024 }] } }));
    decodeTicks += some.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
  }
  const bytes = Buffer.concat(parts);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const near = (actual: number, expected: number, what: string): void => assert.ok(Math.abs(actual - expected) < 1e-6, `${what}: ${actual}, not ${expected}`);

describe('the frames of what is loaded', () => {
  it('each is followed by the next and preceded by the one before, whatever the camera\'s rate is', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 5, max: 900 }), { minLength: 3, maxLength: 60 }), fc.double({ min: -0.002, max: 0.002, noNaN: true }), (durationsMs, offS) => {
      const frames = new FrameTimes();
      const startsS = durationsMs.map((_, index) => 100 + sumOf(durationsMs.slice(0, index)) / 1000);
      // In two pieces, of which the later came first.
      const half = durationsMs.length >> 1;
      frames.add(piece(durationsMs.slice(half)), startsS[half]!, sumOf(durationsMs.slice(half)) / 1000);
      frames.add(piece(durationsMs.slice(0, half)), 100, sumOf(durationsMs.slice(0, half)) / 1000);
      for (const [index, startS] of startsS.entries()) {
        // Where the browser has it is not quite where the playlist says.
        const [on, back] = [frames.step(startS + offS, 1), frames.step(startS + offS, -1)];
        if (index + 1 < startsS.length) {
          near(on.startS - offS, startsS[index + 1]!, 'the next');
          near(on.middleS - on.startS, durationsMs[index + 1]! / 2000, 'half of the next');
        }
        if (index > 0) near(back.startS - offS, startsS[index - 1]!, 'the one before');
      }
    }), { numRuns: 50 });
  });

  it('frames that are decoded in another order are stepped through as they are shown', () => {
    const frames = new FrameTimes();
    // Decoded I P B B, shown I B B P.
    frames.add(piece([40, 40, 40, 40], { compositionsMs: [40, 120, 0, 0] }), 0, 0.16);
    for (const [from, to] of [[0, 0.04], [0.04, 0.08], [0.08, 0.12]] as const) near(frames.step(from, 1).startS, to, 'the next');
  });

  it('where nothing is loaded frames go on alike', () => {
    const frames = new FrameTimes();
    near(frames.step(5, 1).startS, 5.04, 'nothing known at all');
    frames.add(piece([100, 100]), 10, 0.2);
    near(frames.step(10.1, 1).startS, 10.2, 'behind the last');
    near(frames.step(10, -1).startS, 9.9, 'in front of the first');
    near(frames.step(20, 1).startS, 20.04, 'far from what is loaded');
    near(frames.step(0, -1).startS, 0, 'not in front of the media');
    frames.clear();
    near(frames.step(10.1, 1).startS, 10.14, 'forgotten');
  });

  it('what is no media, or was cut or damaged, says nothing and breaks nothing', () => {
    const whole = new Uint8Array(piece([40, 40, 40]));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (noise, cut, at, value) => {
      const frames = new FrameTimes();
      frames.add(noise.slice().buffer, 0, 1);
      frames.add(whole.slice(0, cut).buffer, 3, 1);
      const damaged = whole.slice();
      damaged[at] = value;
      frames.add(damaged.buffer, 6, 1);
      for (const fromS of [0, 3, 6]) assert.ok(Number.isFinite(frames.step(fromS, 1).middleS));
    }));
  });

  it('what was played long ago is forgotten', () => {
    const frames = new FrameTimes();
    const some = piece([100, 100]);
    for (let startS = 0; startS < 200; startS++) frames.add(some, startS, 0.2);
    near(frames.step(199, 1).startS, 199.1, 'the newest');
    near(frames.step(0, 1).startS, 0.04, 'the oldest');
  });
});
