import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { COLOUR_MATRIX, COLOUR_RANGE, type CameraStatus } from '@ruth/protocol';
import { RingReader, type RingFrame } from '@ruth/transport';
import { Clips, ffmpeg, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel, until } from './test-kernel.ts';

let clips: Clips;
let camera: RealCamera;
const real = { skip: noCamera };

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  const plain = await clips.make('plain.mp4');
  const colours = (pixelFormat: string): readonly string[] => ['-pix_fmt', pixelFormat];
  camera = await RealCamera.start({
    plain: launch.h264(plain), hevc: launch.h265(await clips.make('hevc.mp4', { codec: 'libx265' })),
    ten: launch.h265(await clips.make('ten.mp4', { codec: 'libx265', source: 'color=black', extra: colours('yuv420p10le'), seconds: 20 })),
    wide: launch.h264(await clips.make('wide.mp4', { source: 'color=black', extra: colours('yuv444p'), seconds: 20 })),
    full: launch.h264(await clips.make('full.mp4', { source: 'color=black', extra: ['-vf', 'scale=out_range=full', '-color_range', 'pc', '-colorspace', 'bt709'], seconds: 20 })),
    bframes: launch.h264(await clips.make('bframes.mp4', { extra: ['-bf', '3'] })),
    sizes: launch.transportStream(await clips.makeSizes()),
    damaged: launch.h264(await damage(plain)),
  });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

/** The clip with bits flipped in its pictures, the boxes around them whole. */
async function damage(clip: string): Promise<string> {
  const bytes = await readFile(clip);
  const begin = bytes.indexOf('mdat') + 200;
  const end = bytes.lastIndexOf('moov') > begin ? bytes.lastIndexOf('moov') - 8 : bytes.length;
  let state = 42;
  for (let at = begin + 20_000; at < end; at += 997 + state % 1499) {
    state = (state * 1103515245 + 12345) % 2147483648;
    // Never a length prefix's first bytes, which are 0 in small pictures.
    if (bytes[at] !== 0) bytes[at]! ^= 1 << state % 8;
  }
  const path = `${clips.directory}/damaged.mp4`;
  await writeFile(path, bytes);
  return path;
}

function newest(reader: RingReader): RingFrame | null {
  const result = reader.read(reader.framesPublished() - 1);
  return result.status === 'frame' ? result.frame : null;
}

const openRing = (kernel: TestKernel, path: string): Promise<RingReader> =>
  until(() => existsSync(path), (there) => there, 'a ring').then(() => RingReader.open(path, { ringDirectory: kernel.folders.rings }));

test('without a lease nothing is decoded and there is no ring; an ended lease ends the decoding and gives the memory back', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('plain') }]);
  const idle = await kernel.until('cam', ({ counters }) => counters.packets > 50, 'streams');
  assert.deepEqual([idle.decode_level, idle.counters.decoded, idle.counters.published, idle.frame_reference], ['none', 0, 0, null]);
  assert.deepEqual(await kernel.folders.ringFiles(), []);

  const reference = kernel.lease('cam', 25, 2000);
  const busy = await kernel.until('cam', ({ counters }) => counters.published > 0, 'publishes');
  assert.deepEqual([busy.decode_level, busy.frame_reference], ['all', reference]);
  const after = await kernel.until('cam', (status) => status.decode_level === 'none' && status.frame_reference === null, 'has given the ring back');
  assert.equal(after.leased_fps, 0);
  assert.deepEqual(await kernel.folders.ringFiles(), []);
  assert.equal(after.state, 'streaming');
});

/** Published frames over the stream's frames, from the first published frame on. */
async function share(kernel: TestKernel, id: string, packets: number): Promise<{ published: number; decoded: number; packets: number; status: CameraStatus }> {
  const start = await kernel.until(id, ({ counters }) => counters.published > 0, 'publishes');
  const status = await kernel.until(id, ({ counters }) => counters.packets >= start.counters.packets + packets, 'goes on');
  return {
    published: status.counters.published - start.counters.published, decoded: status.counters.decoded - start.counters.decoded,
    packets: status.counters.packets - start.counters.packets, status,
  };
}

test('at the rate of the keyframes only keyframes are decoded', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('plain') }]);
  await kernel.until('cam', ({ counters }) => counters.keyframes >= 3, 'has shown its keyframe rate');
  kernel.lease('cam', 1);
  const { published, decoded, packets, status } = await share(kernel, 'cam', 150);
  assert.equal(status.decode_level, 'keyframes');
  assert.ok(Math.abs(decoded - packets / 25) <= 1.1, `decoded ${decoded} of ${packets}`);
  assert.equal(published, decoded);
});

test('5 fps of 25 decodes all and publishes every fifth; the highest lease rules; frames carry their times', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('plain') }]);
  await kernel.streaming('cam');
  const reference = kernel.lease('cam', 2, 60_000, 'slow');
  kernel.lease('cam', 5, 60_000, 'fast');
  const { published, decoded, packets, status } = await share(kernel, 'cam', 150);
  assert.equal(status.leased_fps, 5);
  assert.ok(Math.abs(published - packets / 5) <= 3, `published ${published} of ${packets}`);
  assert.ok(Math.abs(decoded - packets) <= 5, `decoded ${decoded} of ${packets}`);

  using reader = await openRing(kernel, reference);
  const nowUs = Date.now() * 1000;
  const frame = await until(() => newest(reader), (found) => found !== null, 'a frame');
  assert.deepEqual([frame!.width, frame!.height, frame!.format], [320, 240, 'NV12']);
  assert.ok(frame!.capturedAtUs > nowUs - 60e6 && frame!.capturedAtUs < nowUs + 60e6);
  assert.equal(frame!.ptsUs % 40_000 < 1000 || frame!.ptsUs % 40_000 > 39_000, true, `pts ${frame!.ptsUs}`);
  assert.ok(Math.abs(frame!.epoch - Date.now() / 1000) < 600);
});

test('captured_at follows the stream\'s own time, also where B-frames come out later and in another order than they arrived', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('bframes'), frames: { slots: 64 } }]);
  const reference = kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters }) => counters.published >= 60, 'publishes');
  using reader = await openRing(kernel, reference);
  const frames: RingFrame[] = [];
  for (let id = reader.framesPublished() - 40; id < reader.framesPublished(); id++) {
    const result = reader.read(id);
    if (result.status === 'frame') frames.push(result.frame);
  }
  assert.ok(frames.length >= 30);
  for (const [index, frame] of frames.slice(1).entries()) assert.ok(frame.ptsUs > frames[index]!.ptsUs, 'frames come in the order they are shown');
  const [first, last] = [frames[0]!, frames.at(-1)!];
  const driftUs = (last.capturedAtUs - first.capturedAtUs) - (last.ptsUs - first.ptsUs);
  assert.ok(Math.abs(driftUs) < 200_000, `by the wall clock they lie ${driftUs} us further apart than by their own`);
  assert.ok(last.capturedAtUs <= Date.now() * 1000 && last.capturedAtUs > Date.now() * 1000 - 20e6);
});

test('H.265, 10 bits, 4:4:4 and full range become NV12 with their own matrix and range', real, async () => {
  const cameras = ['hevc', 'ten', 'wide', 'full'];
  await using kernel = await TestKernel.start(cameras.map((id) => ({ id, url: camera.url(id) })));
  for (const id of cameras) {
    const reference = kernel.lease(id, 240);
    await kernel.until(id, ({ counters }) => counters.published > 0, 'publishes');
    using reader = await openRing(kernel, reference);
    const frame = (await until(() => newest(reader), (found) => found !== null, 'a frame'))!;
    assert.equal(frame.format, 'NV12', id);
    const [range, matrix] = id === 'full' ? [COLOUR_RANGE.full, COLOUR_MATRIX.bt709] : [COLOUR_RANGE.limited, COLOUR_MATRIX.smpte170m];
    assert.deepEqual([frame.colourRange, frame.colourMatrix], [range, matrix], id);
    // The clips but the first are black, which is 0 in full range and 16 in limited.
    if (id !== 'hevc') assert.ok(Math.abs(frame.planes[0]![frame.strides[0]! * 100 + 100]! - (id === 'full' ? 0 : 16)) <= 1, `${id}: black is ${frame.planes[0]![0]}`);
  }
});

test('the pixels in the ring are those that ffmpeg decodes', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('plain'), frames: { slots: 100 } }]);
  const reference = kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters }) => counters.published > 10, 'publishes');
  using reader = await openRing(kernel, reference);
  const frame = (await until(() => newest(reader), (found) => found !== null, 'a frame'))!;
  const pixels = Buffer.concat(frame.planes.flatMap((plane, index) =>
    Array.from({ length: index === 0 ? 240 : 120 }, (_, row) => Buffer.from(plane.subarray(row * frame.strides[index]!, row * frame.strides[index]! + 320)))));
  assert.ok(frame.intact());
  const raw = `${clips.directory}/raw.nv12`;
  await ffmpeg('-i', `${clips.directory}/plain.mp4`, '-pix_fmt', 'nv12', '-f', 'rawvideo', raw);
  const index = (await readFile(raw)).indexOf(pixels);
  assert.ok(index >= 0 && index % pixels.length === 0, 'the frame is one of the clip, bit for bit');
});

test('a camera that changes its resolution goes on in a new generation of the ring', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('sizes') }]);
  const reference = kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters }) => counters.published > 0, 'publishes');
  using before = await openRing(kernel, reference);
  assert.deepEqual([before.layout.width, before.layout.height], [320, 240]);
  await until(() => before.isCurrent(), (current) => !current, 'the ring is retired');
  await kernel.until('cam', ({ width }) => width === 480, 'is larger');
  using after = await openRing(kernel, reference);
  assert.deepEqual([after.layout.width, after.layout.height], [480, 272]);
  assert.notEqual(after.generation, before.generation);
  await until(() => after.framesPublished(), (count) => count > 5, 'frames of the new size');
});

test('a damaged stream costs frames and is counted; the camera and its process go on', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('damaged') }]);
  kernel.lease('cam', 240);
  const status = await kernel.until('cam', ({ counters }) => counters.decode_errors > 5 && counters.packets > 200, 'counts errors');
  assert.ok(status.counters.published > 20, `published ${status.counters.published}`);
  assert.equal(status.counters.restarts, 0);
});

test('where the ring does not fit the camera streams on, and says why there are no frames', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('plain'), frames: { slots: 256 } }, { id: 'bad', url: camera.url('plain') }]);
  // A folder in the place of the ring's file is as good as a full file system: the ring cannot be made.
  const { mkdir } = await import('node:fs/promises');
  await mkdir(`${kernel.folders.rings}/vas_frames_bad`);
  kernel.lease('bad', 25);
  kernel.lease('cam', 25);
  const bad = await kernel.until('bad', ({ drops }) => Object.keys(drops).length > 0, 'drops');
  assert.equal(bad.state, 'streaming');
  assert.equal(bad.counters.published, 0);
  assert.ok(bad.last_error !== null);
  await kernel.until('cam', ({ counters }) => counters.published > 5, 'publishes all the same');
});
