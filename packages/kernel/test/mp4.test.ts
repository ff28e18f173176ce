import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StreamFormat } from '../src/media/media-packet.ts';
import { describeInit, fragment, initSegment, isSound, patchDecodeTimes, samplesOf, scan, type ByteSource, type FragmentContents } from '../src/mp4/index.ts';

const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const AAC = { codec: 'aac', config: Buffer.from([0x12, 0x10]), sampleRate: 44_100, channels: 2 } as const;
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: AAC };

const bytes = (maxLength: number, minLength = 1): fc.Arbitrary<Buffer> => fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const aTime = fc.integer({ min: 0, max: 2 ** 50 });
const aDuration = fc.integer({ min: 1, max: 2 ** 20 });
const aFragment: fc.Arbitrary<FragmentContents> = fc.record({
  sequence: fc.nat(),
  video: fc.record({ decodeTicks: aTime, samples: fc.array(fc.record({ nals: fc.array(bytes(300), { minLength: 1, maxLength: 4 }), durationTicks: aDuration, compositionTicks: aDuration, keyframe: fc.boolean() }), { minLength: 1, maxLength: 20 }) }),
  audio: fc.record({ decodeTicks: aTime, samples: fc.array(fc.record({ data: bytes(100), durationTicks: aDuration }), { maxLength: 10 }) }),
  wallClock: fc.record({ us: fc.integer({ min: 0, max: 4_000_000_000_000_000 }), mediaTicks: aTime }),
});

const sourceOf = (data: Buffer): ByteSource & { most: number } => ({
  bytes: data.length, most: 0,
  async read(offset, length) {
    this.most = Math.max(this.most, length);
    return data.subarray(offset, offset + length);
  },
});

test('a fragment that was written is read as it was', async () => {
  const init = await initSegment(FORMAT);
  await fc.assert(fc.asyncProperty(fc.array(aFragment, { minLength: 1, maxLength: 5 }), async (contents) => {
    let decodeTicks = 0;
    const inOrder = contents.map((content) => {
      const moved = { ...content, video: { ...content.video, decodeTicks } };
      decodeTicks += content.video.samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
      return moved;
    });
    const parts = inOrder.map(fragment);
    const found = await scan(sourceOf(Buffer.concat([init, ...parts])));
    assert.equal(found.wholeBytes, found.bytes);
    assert.equal(found.fragments.length, parts.length);
    for (const [index, { video, wallClock }] of inOrder.entries()) {
      const { startTicks, wallClockUs, mediaTicks, keyframe } = found.fragments[index]!;
      assert.deepEqual([startTicks, wallClockUs, mediaTicks, keyframe], [video.decodeTicks, wallClock!.us, wallClock!.mediaTicks, video.samples[0]!.keyframe]);
      const samples = samplesOf(parts[index]!)!;
      assert.equal(isSound(parts[index]!), true);
      for (const [at, { nals, keyframe: key, compositionTicks }] of video.samples.entries()) {
        const { offset, size, ptsTicks, dtsTicks, keyframe: readKey } = samples[at]!;
        assert.deepEqual([ptsTicks - dtsTicks, readKey], [compositionTicks, key]);
        const expected = Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, nal.length >> 8, nal.length & 0xff]), nal]));
        assert.ok(parts[index]!.subarray(offset, offset + size).equals(expected));
      }
    }
  }), { numRuns: 50 });
});

test('a file that was cut anywhere is whole up to a fragment, and damaged bytes are never taken for one', async () => {
  const init = await initSegment(FORMAT);
  await fc.assert(fc.asyncProperty(fc.array(aFragment, { minLength: 1, maxLength: 4 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), async (contents, where, zeros) => {
    let decodeTicks = 0;
    const parts = contents.map((content) => fragment({ ...content, video: { ...content.video, decodeTicks: decodeTicks++ * 2 ** 26 } }));
    const whole = Buffer.concat([init, ...parts]);
    const cut = Math.floor(whole.length * where);
    // A power cut leaves nothing there, or nothing but zeros.
    const left = zeros ? Buffer.concat([whole.subarray(0, cut), Buffer.alloc(whole.length - cut)]) : whole.subarray(0, cut);
    const found = await scan(sourceOf(left));
    let end = init.length;
    let fragments = 0;
    while (fragments < parts.length && end + parts[fragments]!.length <= cut) end += parts[fragments++]!.length;
    if (cut < init.length) assert.deepEqual([found.init && describeInit(init), found.fragments], [found.init, []]);
    else if (!zeros) assert.deepEqual([found.fragments.length, found.wholeBytes], [fragments, end]);
    // Zeros within the last NAL unit of a fragment cannot be told from a picture; lengths that are missing can.
    else assert.ok(found.fragments.length === fragments || found.fragments.length === fragments + 1);
  }), { numRuns: 200 });
});

test('an init that a power cut left zeros of says nothing, or what it said', async () => {
  const init = await initSegment(FORMAT);
  const said = describeInit(init);
  for (let cut = 0; cut < init.length; cut++) {
    const found = describeInit(Buffer.concat([init.subarray(0, cut), Buffer.alloc(init.length - cut)]));
    if (found !== null) assert.deepEqual(found, said, `cut at ${cut}`);
    assert.equal(describeInit(init.subarray(0, cut)), null);
  }
});

test('any bytes are read without a fault, and without more memory than a fragment may take', async () => {
  const init = await initSegment(FORMAT);
  const sample = Buffer.concat([init, fragment({ sequence: 1, video: { decodeTicks: 0, samples: [{ nals: [Buffer.alloc(50, 5)], durationTicks: 1, compositionTicks: 0, keyframe: true }] }, wallClock: { us: 1e15, mediaTicks: 0 } })]);
  const flips = fc.array(fc.record({ at: fc.nat(sample.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 8 });
  await fc.assert(fc.asyncProperty(fc.oneof(bytes(2000, 0), flips.map((changes) => {
    const damaged = Buffer.from(sample);
    for (const { at, to } of changes) damaged[at] = to;
    return damaged;
  })), async (data) => {
    const source = sourceOf(data);
    const found = await scan(source);
    assert.ok(found.wholeBytes <= data.length && source.most <= 8 << 20);
    describeInit(data);
    samplesOf(data);
    isSound(data);
    patchDecodeTimes(Buffer.from(data), -5000);
  }), { numRuns: 3000 });
});

test('fragments are moved in time with their sound and their date, and never before 0', () => {
  const part = fragment({
    sequence: 1, video: { decodeTicks: 1000, samples: [{ nals: [Buffer.from([1])], durationTicks: 3600, compositionTicks: 7200, keyframe: true }] },
    audio: { decodeTicks: 500, samples: [{ data: Buffer.from([1]), durationTicks: 1920 }] }, wallClock: { us: 1_790_000_000_123_456, mediaTicks: 8200 },
  });
  const two = Buffer.concat([part, part]);
  patchDecodeTimes(two, 2 ** 33);
  for (const moved of [two.subarray(0, part.length), two.subarray(part.length)]) {
    assert.deepEqual(samplesOf(moved)!.map(({ dtsTicks, ptsTicks }) => [dtsTicks, ptsTicks]), [[1000 + 2 ** 33, 8200 + 2 ** 33]]);
  }
  patchDecodeTimes(two, -(2 ** 34));
  assert.equal(samplesOf(two)![0]!.dtsTicks, 0);
});

test('an init says what it begins', async () => {
  const { parameterSets, ...rest } = describeInit(await initSegment(FORMAT))!;
  assert.deepEqual(rest, { codec: 'h264', width: 320, height: 240, audio: true, codecs: 'avc1.64000d,mp4a.40.2' });
  assert.ok(parameterSets.equals(PARAMETER_SETS));
  assert.equal(describeInit(await initSegment({ ...FORMAT, audio: null }))!.codecs, 'avc1.64000d');
  await assert.rejects(initSegment({ ...FORMAT, parameterSets: Buffer.from([0, 0, 0, 1, 0x67]) }), { code: 'stream_corrupt' });
});
