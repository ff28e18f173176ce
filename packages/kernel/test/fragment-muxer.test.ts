// Live fMP4 of a camera that is not regular: each picture is written when it comes, and shown when it was taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FragmentMuxer } from '../src/live/fmp4/fragment-muxer.ts';
import type { MediaPacket, StreamFormat } from '../src/media/media-packet.ts';
import { samplesOf } from '../src/mp4/index.ts';

const FORMAT: StreamFormat = { codec: 'h264', parameterSets: Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex'), width: 320, height: 240, reorderDepth: 0, audio: null };
const FIRST_TICKS = 7_000_000;
const pictureAt = (ptsTicks: number, keyframe = false): MediaPacket => ({ ptsTicks, keyframe, nals: [Buffer.from([keyframe ? 0x65 : 0x41, 1])], data: Buffer.from([1]), epoch: 1, capturedAtUs: 0 } as unknown as MediaPacket);

const written = async (format: StreamFormat, ptsTicks: readonly number[]) => {
  const muxer = await FragmentMuxer.open(format, ptsTicks[0]!);
  return ptsTicks.map((pts, index) => ({ ...samplesOf(muxer.write(pictureAt(pts, index === 0)).data)![0]!, originTicks: muxer.originTicks }));
};

// A browser throws pictures away up to the next keyframe where decode times jump by more than twice what a picture lasts.
for (const [what, reorderDepth, order] of [
  ['that halts and hurries', 0, [0, 3600, 7200, 30_000, 30_900, 34_500, 124_500, 128_100]],
  ['whose pictures come in another order than they are shown in', 1, [0, 10_800, 3600, 7200, 21_600, 14_400, 18_000]],
] as const) {
  test(`of a camera ${what}, display times are the pictures' own, and each is decoded where the one before ends`, async () => {
    const samples = await written({ ...FORMAT, reorderDepth }, order.map((ticks) => FIRST_TICKS + ticks));
    assert.equal(samples[0]!.dtsTicks, 0);
    for (const [index, { ptsTicks, dtsTicks, originTicks, durationTicks }] of samples.entries()) {
      assert.equal(ptsTicks + originTicks, FIRST_TICKS + order[index]!);
      assert.ok(dtsTicks <= ptsTicks && durationTicks > 0);
      if (index > 0) assert.equal(dtsTicks, samples[index - 1]!.dtsTicks + samples[index - 1]!.durationTicks);
    }
  });
}
