import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { LiveInit } from '@ruth/protocol';
import { WebSocket } from 'ws';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel, until } from './test-kernel.ts';

let clips: Clips;
let camera: RealCamera;
const real = { skip: noCamera };

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  camera = await RealCamera.start({
    h264: launch.h264(await clips.make('h264.mp4', { gop: 50 })), hevc: launch.h265(await clips.make('hevc.mp4', { codec: 'libx265' })),
    bframes: launch.h264(await clips.make('bframes.mp4', { extra: ['-bf', '3'] })),
    sizes: launch.transportStream(await clips.makeSizes()),
  });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

/** A viewer that keeps what it gets, one recording for each time the stream began. */
class Viewer implements Disposable {
  readonly recordings: { readonly init: LiveInit; readonly parts: Buffer[] }[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly socket: WebSocket;

  constructor(kernel: TestKernel, id: string) {
    this.socket = new WebSocket(`ws+unix:${kernel.kernel.socketPath}:/v1/cameras/${id}/live`);
    this.socket.on('message', (data: Buffer, binary) => {
      if (binary) this.recordings.at(-1)!.parts.push(data);
      else this.recordings.push({ init: JSON.parse(data.toString()) as LiveInit, parts: [] });
    });
    this.socket.on('close', (code, reason) => { this.closed = { code, reason: reason.toString() }; });
    this.socket.on('error', () => undefined);
  }

  parts(recording = -1): number { return this.recordings.at(recording)?.parts.length ?? 0; }
  async until(parts: number): Promise<void> { await until(() => this.parts(), (count) => count >= parts, `${parts} messages`); }
  [Symbol.dispose](): void { this.socket.terminate(); }
}

interface Probed { readonly codec_name: string; readonly width: number; readonly height: number; readonly nb_read_frames: string; readonly codec_tag_string: string }

/** What ffprobe, decoding every frame, makes of a recording. It fails on any error. */
async function play(viewer: Viewer, recording = -1): Promise<{ stream: Probed; times: number[] }> {
  const path = `${clips.directory}/recording-${Math.random()}.mp4`;
  await writeFile(path, Buffer.concat(viewer.recordings.at(recording)!.parts));
  const { stdout, stderr } = await promisify(execFile)('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=codec_name,width,height,nb_read_frames,codec_tag_string:frame=pts_time', '-of', 'json', path]);
  assert.equal(stderr, '');
  const probed = JSON.parse(stdout) as { streams: Probed[]; frames: { pts_time: string }[] };
  return { stream: probed.streams[0]!, times: probed.frames.map((frame) => Number(frame.pts_time)) };
}

const boxType = (data: Buffer): string => data.toString('latin1', 4, 8);

for (const [id, codec, tag, mime] of [
  ['h264', 'h264', 'avc1', /^video\/mp4; codecs="avc1\.[0-9a-f]{6}"$/], ['hevc', 'hevc', 'hvc1', /^video\/mp4; codecs="hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*"$/], ['bframes', 'h264', 'avc1', /avc1/],
] as const) {
  test(`live ${id} is an init, then fragments that a decoder plays without a fault`, real, async () => {
    await using kernel = await TestKernel.start([{ id, url: camera.url(id) }]);
    await kernel.streaming(id);
    using viewer = new Viewer(kernel, id);
    await viewer.until(60);
    const { init, parts } = viewer.recordings[0]!;
    assert.deepEqual([init.type, init.camera_id, init.width, init.height], ['init', id, 320, 240]);
    assert.match(init.mime, mime);
    assert.equal(boxType(parts[0]!), 'ftyp');
    assert.ok(parts.slice(1).every((part) => boxType(part) === 'moof'), 'each message is whole fragments');
    const { stream, times } = await play(viewer);
    assert.deepEqual([stream.codec_name, stream.codec_tag_string, stream.width, stream.height], [codec, tag, 320, 240]);
    assert.ok(Number(stream.nb_read_frames) >= 59, `${stream.nb_read_frames} frames of ${parts.length - 1} fragments`);
    for (const [index, time] of times.slice(1).entries()) assert.ok(Math.abs(time - times[index]! - 0.04) < 0.002, `frame ${index + 1} at ${time}`);
    const status = kernel.kernel.camera(id);
    assert.deepEqual([status.viewers, status.decode_level, status.counters.decoded], [1, 'none', 0], 'nothing was decoded for it');
  });
}

test('media time on top of its origin is the pts of the stream', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'h264', url: camera.url('h264') }]);
  await kernel.streaming('h264');
  using viewer = new Viewer(kernel, 'h264');
  await viewer.until(30);
  const { init } = viewer.recordings[0]!;
  const { times } = await play(viewer);
  // Pictures of this clip stand at whole multiples of 40 ms of the stream's clock.
  for (const time of times) {
    const ptsUs = time * 1e6 + init.pts_origin_us;
    assert.ok(Math.abs(ptsUs - Math.round(ptsUs / 40_000) * 40_000) < 1000, `pts ${ptsUs}`);
  }
});

test('a late viewer begins at a keyframe at once, not at the next one, and sees the pictures the first one sees', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'h264', url: camera.url('h264') }]);
  await kernel.streaming('h264');
  using early = new Viewer(kernel, 'h264');
  // In the middle of a group of 50 pictures.
  await early.until(20);
  const seen = early.parts();
  using late = new Viewer(kernel, 'h264');
  await late.until(2);
  assert.ok(early.parts() - seen < 25, `waited ${early.parts() - seen} pictures`);
  await late.until(60);
  const [first, second] = [await play(early), await play(late)];
  assert.deepEqual(early.recordings[0]!.init, late.recordings[0]!.init);
  assert.ok(second.times.every((time) => first.times.includes(time) || time > first.times.at(-1)!), 'on one time line');
});

test('without viewers no fMP4 is made; one who comes after all have gone gets a stream of its own', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'h264', url: camera.url('h264') }]);
  await kernel.streaming('h264');
  const first = new Viewer(kernel, 'h264');
  await first.until(5);
  first.socket.close();
  await kernel.until('h264', ({ viewers }) => viewers === 0, 'has no viewer');
  using second = new Viewer(kernel, 'h264');
  await second.until(30);
  await play(second);
});

test('a change of resolution begins the live view anew', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'sizes', url: camera.url('sizes') }]);
  await kernel.streaming('sizes');
  using viewer = new Viewer(kernel, 'sizes');
  await until(() => viewer.recordings.length, (count) => count >= 2, 'a second beginning');
  await viewer.until(20);
  const [before, after] = [await play(viewer, -2), await play(viewer, -1)];
  assert.deepEqual([before.stream.width, after.stream.width], [320, 480]);
  assert.equal(viewer.recordings.at(-1)!.init.width, 480);
});

test('a viewer that takes nothing loses pictures, or its place; another one does not notice', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'h264', url: camera.url('h264') }]);
  await kernel.streaming('h264');
  using stuck = new Viewer(kernel, 'h264');
  await stuck.until(2);
  stuck.socket.pause();
  using healthy = new Viewer(kernel, 'h264');
  await healthy.until(100);
  const { stream } = await play(healthy);
  assert.ok(Number(stream.nb_read_frames) >= 99);
});

test('a live view of a camera that is not there is refused before the upgrade', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'h264', url: camera.url('h264') }]);
  const socket = new WebSocket(`ws+unix:${kernel.kernel.socketPath}:/v1/cameras/nope/live`);
  const status = await new Promise<number | undefined>((resolve) => socket.on('unexpected-response', (_request, response) => resolve(response.statusCode)));
  assert.equal(status, 404);
});
