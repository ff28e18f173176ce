import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Frame } from 'node-av/lib';
import { decodeLevel } from '../src/frames/decode-level.ts';
import { StreamRates } from '../src/ingest/stream-rates.ts';
import { readClip, type Clip } from '../src/live/rtsp/index.ts';
import { openDecoder } from '../src/media/format-probe.ts';
import { ffmpegPacket } from '../src/media/media-packet.ts';
import { highestSubLayer, isReference } from '../src/media/reference-pictures.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel } from './test-kernel.ts';

const real = { skip: noCamera };
let clips: Clips;
let camera: RealCamera;
const paths: Record<string, string> = {};

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  // Between two references lie three pictures that nobody needs: 6.25 references a second.
  paths.h264 = await clips.make('h264.mp4', { gop: 100, extra: ['-bf', '3', '-x264-params', 'b-adapt=0:b-pyramid=none'] });
  paths.pyramid = await clips.make('pyramid.mp4', { gop: 100, seconds: 12, extra: ['-preset', 'medium', '-bf', '3', '-x264-params', 'b-adapt=1:b-pyramid=normal'] });
  paths.hevc = await clips.make('hevc.mp4', { codec: 'libx265', gop: 100, seconds: 12, extra: ['-x265-params', 'log-level=none:bframes=3:b-adapt=0:keyint=100:scenecut=0'] });
  camera = await RealCamera.start({ bframes: launch.h264(paths.h264) });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

/** Rates of a stream whose picture n (at 25 fps) is what `kind` says. */
function rates(kind: (index: number) => 'keyframe' | 'reference' | 'other', pictures = 250): StreamRates {
  const stream = new StreamRates();
  for (let index = 0; index < pictures; index++) stream.add(index * 40_000, { keyframe: kind(index) === 'keyframe', reference: kind(index) !== 'other' });
  return stream;
}

test('no less is decoded than the leased rate needs, and no more', () => {
  const third = rates((index) => index % 24 === 0 ? 'keyframe' : index % 3 === 0 ? 'reference' : 'other');
  assert.deepEqual([0, 1, 2, 8, 9, 25].map((fps) => decodeLevel(fps, third)), ['none', 'keyframes', 'reference', 'reference', 'all', 'all']);
  const plain = rates((index) => index % 25 === 0 ? 'keyframe' : 'reference');
  assert.deepEqual([1, 5, 25].map((fps) => decodeLevel(fps, plain)), ['keyframes', 'all', 'all']);
  // As many references on the mean, but a time without any in between.
  const uneven = rates((index) => index % 24 === 0 ? 'keyframe' : index % 24 < 8 ? 'reference' : 'other');
  assert.deepEqual([1, 1.4, 2, 8].map((fps) => decodeLevel(fps, uneven)), ['keyframes', 'reference', 'all', 'all']);
  assert.equal(decodeLevel(5, rates((index) => index === 0 ? 'keyframe' : 'other', 20)), 'all', 'what is not yet known is not left out');
  assert.equal(decodeLevel(5, new StreamRates()), 'all');
});

/** Hashes of the pictures by their time. */
async function pixels(clip: Clip, wanted: (picture: Buffer) => boolean): Promise<Map<number, string>> {
  const { codec, parameterSets } = clip.video;
  const annexB = (nals: readonly Buffer[]): Buffer => Buffer.concat(nals.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
  using decoder = await openDecoder(codec, annexB(parameterSets));
  using frame = new Frame();
  frame.alloc();
  const found = new Map<number, string>();
  const fetch = (): void => {
    while (decoder.receiveFrameSync(frame) >= 0) {
      assert.equal(frame.decodeErrorFlags, 0);
      found.set(Number(frame.pts), createHash('md5').update(frame.data![0]!.subarray(0, frame.linesize[0]! * frame.height)).digest('hex'));
      frame.unref();
    }
  };
  for (const unit of clip.units) {
    const data = annexB(unit.nals);
    if (!wanted(data)) continue;
    using packet = ffmpegPacket(data, unit.keyframe);
    packet.pts = BigInt(Math.round(unit.ptsUs));
    assert.ok(await decoder.sendPacket(packet) >= 0);
    fetch();
  }
  await decoder.sendPacket(null);
  fetch();
  return found;
}

test('what is left when unneeded pictures are skipped is the same to the bit, in H.264 and H.265, with and without a pyramid', real, async () => {
  for (const [name, path] of Object.entries(paths)) {
    const clip = await readClip(path);
    const highest = highestSubLayer(clip.video.codec, Buffer.concat(clip.video.parameterSets.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal])));
    const all = await pixels(clip, () => true);
    const references = await pixels(clip, (picture) => isReference(clip.video.codec, picture, highest));
    assert.equal(all.size, clip.units.length, name);
    assert.ok(references.size < all.size * 0.7, `${name}: ${references.size} of ${all.size}`);
    for (const [pts, hash] of references) assert.equal(hash, all.get(pts), `${name} at ${pts}`);
  }
});

test('a lease below the rate of the references decodes them alone and gets its frames; one above it decodes all', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('bframes') }]);
  await kernel.until('cam', ({ counters }) => counters.packets > 150, 'has shown its rates');
  kernel.lease('cam', 6);
  const start = await kernel.until('cam', ({ counters, decode_level }) => counters.published > 0 && decode_level === 'reference', 'publishes references');
  const { counters } = await kernel.until('cam', (status) => status.counters.packets >= start.counters.packets + 250, 'goes on');
  const [packets, decoded, published] = (['packets', 'decoded', 'published'] as const).map((key) => counters[key] - start.counters[key]) as [number, number, number];
  assert.ok(decoded / packets > 0.22 && decoded / packets < 0.32, `${decoded} of ${packets} decoded`);
  assert.ok(published / packets * 25 >= 5.6, `${published} of ${packets} published`);
  assert.equal(counters.decode_errors, 0);
  kernel.lease('cam', 12);
  const more = await kernel.until('cam', ({ decode_level }) => decode_level === 'all', 'decodes all');
  const later = await kernel.until('cam', (status) => status.counters.packets >= more.counters.packets + 100, 'goes on');
  assert.ok(later.counters.decoded - more.counters.decoded > 80);
});

test('where decoder hardware is wanted and missing, software decodes; the status says so', real, async () => {
  for (const hardware of ['vaapi', 'cuda', 'auto']) {
    await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('bframes') }], undefined, { decoding: { hardware } });
    assert.equal((await kernel.streaming('cam')).decoder, null);
    kernel.lease('cam', 25);
    const { decoder, counters } = await kernel.until('cam', (status) => status.counters.published > 20, 'publishes');
    // Where the machine has some, it may be that.
    assert.ok(['software', 'vaapi', 'cuda'].includes(decoder!), `${decoder}`);
    assert.equal(counters.decode_errors, 0);
  }
});
