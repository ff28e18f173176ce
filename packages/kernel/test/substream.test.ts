import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import type { LiveInit } from '@ruth/protocol';
import { RingReader } from '@ruth/transport';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel, until } from './test-kernel.ts';

const real = { skip: noCamera };
let clips: Clips;
let large: string;
let small: string;

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  [large, small] = [await clips.make('large.mp4', { size: '640x360', seconds: 120 }), await clips.make('small.mp4', { size: '320x180', seconds: 120 })];
});
after(async () => { await clips?.[Symbol.asyncDispose](); });

test('the stream for models is open only while frames are wanted, and is the one that is decoded', real, async () => {
  await using main = await RealCamera.start({ main: launch.h264(large) });
  await using detect = await RealCamera.start({ sub: launch.h264(small) });
  await using kernel = await TestKernel.start([{ id: 'cam', url: main.url('main'), detect_url: detect.url('sub') }]);
  const idle = await kernel.streaming('cam');
  assert.deepEqual([idle.width, idle.detect?.state, idle.detect?.width], [640, 'idle', null]);
  const reference = kernel.lease('cam', 240, 4000);
  const busy = await kernel.until('cam', ({ counters }) => counters.published > 0, 'publishes');
  assert.deepEqual([busy.width, busy.detect?.state, busy.detect?.width, busy.detect?.last_error], [640, 'streaming', 320, null]);
  await until(() => existsSync(reference), (there) => there, 'a ring');
  {
    using reader = RingReader.open(reference, { ringDirectory: kernel.folders.rings });
    assert.equal(reader.layout.width, 320);
  }
  const closed = await kernel.until('cam', ({ detect: status }) => status?.state === 'idle', 'is closed when the lease has ended');
  assert.deepEqual([closed.state, closed.decode_level], ['streaming', 'none']);
  kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters }) => counters.published > closed.counters.published + 10, 'publishes again');
});

test('the stream for models is shown, too, to who asks for the smaller picture, and closed after them', real, async () => {
  await using main = await RealCamera.start({ main: launch.h264(large) });
  await using detect = await RealCamera.start({ sub: launch.h264(small) });
  await using kernel = await TestKernel.start([{ id: 'cam', url: main.url('main'), detect_url: detect.url('sub') }, { id: 'plain', url: main.url('main') }]);
  await Promise.all(['cam', 'plain'].map((id) => kernel.streaming(id)));
  const seen = new Map<string, { init: LiveInit; fragments: number }>();
  const watch = (id: string, query: string): WebSocket => {
    const socket = new WebSocket(`ws+unix:${kernel.kernel.socketPath}:/v1/cameras/${id}/live${query}`);
    socket.on('message', (data: Buffer, binary) => {
      const of = seen.get(`${id}${query}`);
      if (!binary) seen.set(`${id}${query}`, { init: JSON.parse(data.toString()) as LiveInit, fragments: 0 });
      else if (of) of.fragments++;
    });
    return socket;
  };
  const sockets = [watch('cam', ''), watch('cam', '?stream=detect'), watch('plain', '?stream=detect')];
  try {
    await until(() => [...seen.values()].map(({ fragments }) => fragments), (counts) => counts.length === 3 && counts.every((count) => count > 30), 'all three play');
    assert.deepEqual([...seen].map(([what, { init }]) => [what, init.width]).toSorted(), [['cam', 640], ['cam?stream=detect', 320], ['plain?stream=detect', 640]]);
    const watched = kernel.kernel.camera('cam');
    assert.deepEqual([watched.viewers, watched.detect?.state, watched.decode_level, watched.counters.decoded], [2, 'streaming', 'none', 0], 'nothing was decoded for it');
  } finally {
    for (const socket of sockets) socket.terminate();
  }
  await kernel.until('cam', ({ detect: status }) => status?.state === 'idle', 'is closed when nobody watches it any more');
  // Who comes then sees what is there then, not where it ended.
  const first = seen.get('cam?stream=detect')!.init;
  seen.clear();
  const again = watch('cam', '?stream=detect');
  await until(() => seen.get('cam?stream=detect')?.fragments ?? 0, (count) => count > 5, 'plays again');
  assert.ok(seen.get('cam?stream=detect')!.init.epoch > first.epoch);
  again.terminate();
});

test('neither stream stops for the other: the main one streams without the one for models, and that one without it', real, async () => {
  await using main = await RealCamera.start({ main: launch.h264(large) });
  await using detect = await RealCamera.start({ sub: launch.h264(small) });
  await using kernel = await TestKernel.start([{ id: 'cam', url: main.url('main'), detect_url: detect.url('sub') }]);
  kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters, state }) => counters.published > 10 && state === 'streaming', 'both stream');
  await main[Symbol.asyncDispose]();
  const down = await kernel.until('cam', ({ state }) => state === 'down', 'the main stream is down');
  await kernel.until('cam', ({ counters, detect: status }) => counters.published > down.counters.published + 50 && status?.state === 'streaming', 'frames go on');
  await using _again = await RealCamera.start({ main: launch.h264(large) }, { port: main.port });
  await kernel.streaming('cam');
  await detect[Symbol.asyncDispose]();
  const without = await kernel.until('cam', ({ detect: status }) => status?.state === 'down', 'the stream for models is down');
  assert.equal(without.detect?.last_error?.code, 'camera_unreachable');
  const after = await kernel.until('cam', ({ counters }) => counters.packets > without.counters.packets + 50, 'the main stream goes on');
  assert.deepEqual([after.state, after.counters.reconnects], ['streaming', without.counters.reconnects]);
});

/** What a viewer over WebSocket is told first. */
function liveInit(socketPath: string, camera: string): Promise<LiveInit> {
  const socket = new WebSocket(`ws://kernel/v1/cameras/${camera}/live`, { createConnection: () => connect(socketPath) });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.once('message', (data: Buffer) => {
      resolve(JSON.parse(data.toString()) as LiveInit);
      socket.close();
    });
  });
}

test('frames of the stream for models lie on the live view of the main one by the wall clock', real, async () => {
  await using camera = await RealCamera.start({ main: launch.h264(large), sub: launch.h264(small) });
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('main'), detect_url: camera.url('sub') }]);
  const reference = kernel.lease('cam', 240);
  await kernel.until('cam', ({ counters }) => counters.published > 25, 'publishes');
  const init = await liveInit(kernel.kernel.socketPath, 'cam');
  using reader = RingReader.open(reference, { ringDirectory: kernel.folders.rings });
  const result = reader.read(reader.framesPublished() - 1);
  assert.ok(result.status === 'frame');
  assert.notEqual(result.frame.epoch, init.epoch);
  const nowS = Date.now() / 1000;
  // The view begins with the running group of pictures, a second long at most.
  assert.ok(init.wall_origin! <= nowS && init.wall_origin! > nowS - 10, `${init.wall_origin} at ${nowS}`);
  const shownAtS = result.frame.capturedAtUs / 1e6 - init.wall_origin!;
  assert.ok(shownAtS > -5 && shownAtS < 10, `the newest frame shows at ${shownAtS} s`);
});
