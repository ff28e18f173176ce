import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer as createSecureServer } from 'node:tls';
import { AddressPolicy } from '@ruth/transport';
import { FfmpegSource } from '../src/ingest/ffmpeg-source.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel } from './test-kernel.ts';

let clips: Clips;
let mounts: Record<string, string>;

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  mounts = { h264: launch.h264(await clips.make('h264.mp4')), h265: launch.h265(await clips.make('h265.mp4', { codec: 'libx265' })), audio: launch.audio, jpeg: launch.motionJpeg };
});
after(async () => { await clips?.[Symbol.asyncDispose](); });

const real = { skip: noCamera };

async function listen(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

test('H.264 and H.265 stream over TCP and UDP', real, async () => {
  await using camera = await RealCamera.start(mounts);
  await using kernel = await TestKernel.start([
    { id: 'tcp', url: camera.url('h264') }, { id: 'udp', url: camera.url('h264'), transport: 'udp' },
    { id: 'hevc', url: camera.url('h265') }, { id: 'hevc-udp', url: camera.url('h265'), transport: 'udp' },
  ]);
  for (const [id, codec] of [['tcp', 'h264'], ['udp', 'h264'], ['hevc', 'hevc'], ['hevc-udp', 'hevc']] as const) {
    const status = await kernel.until(id, ({ fps, counters }) => fps !== null && counters.packets >= 50, 'has a rate');
    assert.deepEqual([status.codec, status.width, status.height, status.state], [codec, 320, 240, 'streaming']);
    // Measured over two seconds of a camera that shares two cores with its viewers.
    assert.ok(Math.abs(status.fps! - 25) < 3, `${id}: ${status.fps} fps`);
    assert.ok(status.counters.keyframes >= 1);
  }
});

test('a camera with digest authentication streams with its password, and says so without it or with a wrong one', real, async () => {
  await using camera = await RealCamera.start(mounts, { credentials: 'joe:s3cret' });
  await using kernel = await TestKernel.start([
    { id: 'right', url: camera.url('h264', 'joe:s3cret') }, { id: 'wrong', url: camera.url('h264', 'joe:guess') }, { id: 'none', url: camera.url('h264') },
  ]);
  const right = await kernel.streaming('right');
  assert.equal(right.url, `rtsp://***@127.0.0.1:${camera.port}/h264`);
  for (const id of ['wrong', 'none']) {
    const { last_error: error } = await kernel.until(id, ({ state }) => state === 'down', 'is refused');
    assert.equal(error?.code, 'camera_unauthorized');
    assert.doesNotMatch(error.message, /guess|joe/);
  }
});

test('what is no camera is named for what it is: nobody listens, nonsense, silence, no such path, no such host', real, async () => {
  await using camera = await RealCamera.start(mounts);
  const nonsense = await listen((socket) => { socket.write('220 mail.example ESMTP\r\n'); socket.on('data', () => socket.write('500 what?\r\n')); });
  const closing = await listen((socket) => socket.end());
  const web = await listen((socket) => { socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')); });
  const gone = await listen(() => undefined);
  gone.server.close();
  const expected = {
    nobody: [`rtsp://127.0.0.1:${gone.port}/x`, 'camera_unreachable'], nonsense: [`rtsp://127.0.0.1:${nonsense.port}/x`, 'camera_protocol'],
    closing: [`rtsp://127.0.0.1:${closing.port}/x`, 'camera_protocol'], web: [`rtsp://127.0.0.1:${web.port}/x`, 'camera_protocol'],
    path: [camera.url('nothing-here'), 'camera_protocol'], host: ['rtsp://no-such-host.invalid/x', 'camera_unreachable'],
  } as const;
  try {
    await using kernel = await TestKernel.start(Object.entries(expected).map(([id, [url]]) => ({ id, url })));
    for (const [id, [, code]] of Object.entries(expected)) {
      const status = await kernel.until(id, ({ last_error: error }) => error !== null, 'fails');
      assert.equal(status.last_error?.code, code, `${id}: ${status.last_error?.message}`);
      assert.equal(status.state, 'down');
    }
  } finally {
    for (const { server } of [nonsense, closing, web]) server.close();
  }
});

test('a stream of audio only, and a video that is neither H.264 nor H.265, are refused as such', real, async () => {
  await using camera = await RealCamera.start(mounts);
  await using kernel = await TestKernel.start([{ id: 'audio', url: camera.url('audio') }, { id: 'jpeg', url: camera.url('jpeg') }]);
  for (const id of ['audio', 'jpeg']) await kernel.until(id, ({ last_error: error }) => error?.code === 'camera_no_video', 'has no video');
});

test('a camera that our own reader does not understand is read by FFmpeg', real, async () => {
  await using camera = await RealCamera.start(mounts);
  // It wants to be asked for its OPTIONS first, which FFmpeg does.
  const { server, port } = await listen((socket) => socket.once('data', (request: Buffer) => {
    const text = request.toString('latin1');
    if (!text.startsWith('OPTIONS')) return socket.end(`RTSP/1.0 455 Method Not Valid in This State\r\nCSeq: ${/CSeq: *(\d+)/i.exec(text)?.[1] ?? '0'}\r\n\r\n`);
    const behind = connect(camera.port, '127.0.0.1').on('error', () => socket.destroy());
    behind.write(request);
    return socket.on('error', () => behind.destroy()).pipe(behind).pipe(socket);
  }));
  try {
    await using kernel = await TestKernel.start([{ id: 'strict', url: `rtsp://127.0.0.1:${port}/h264` }]);
    assert.equal((await kernel.streaming('strict')).width, 320);
  } finally {
    server.close();
  }
});

test('a camera over TLS is read by our own reader, whoever signed its certificate', real, async () => {
  await using camera = await RealCamera.start(mounts, { credentials: 'joe:s3cret' });
  const [key, cert] = [`${clips.directory}/key.pem`, `${clips.directory}/cert.pem`];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=camera'], { stdio: 'ignore' });
  const agents = new Set<string>();
  const server = createSecureServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
    const behind = connect(camera.port, '127.0.0.1').on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) => { for (const [, agent] of data.toString('latin1').matchAll(/^([A-Z]+) rtsps:/gm)) agents.add(agent!); });
    socket.on('error', () => behind.destroy()).pipe(behind).pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await using kernel = await TestKernel.start([{ id: 'sealed', url: `rtsps://joe:s3cret@localhost:${(server.address() as { port: number }).port}/h264` }]);
    const status = await kernel.until('sealed', ({ fps, counters }) => fps !== null && counters.packets >= 50, 'has a rate');
    assert.deepEqual([status.width, status.packets_lost], [320, 0]);
    assert.ok(!agents.has('OPTIONS') && agents.has('DESCRIBE'), `FFmpeg, which begins with OPTIONS, did not read it: ${[...agents].join()}`);
  } finally {
    server.close();
  }
});

test('a camera that shows itself when it is asked, and sends FFmpeg elsewhere, is not read from there', real, async () => {
  await using elsewhere = await RealCamera.start(mounts);
  let asked = 0;
  const { server, port } = await listen((socket) => socket.on('data', (data: Buffer) => {
    const text = data.toString('latin1');
    const answer = text.startsWith('DESCRIBE') && ++asked > 1 ? `302 Moved\r\nLocation: rtsp://localhost:${elsewhere.port}/h264` : '200 OK';
    socket.write(`RTSP/1.0 ${answer}\r\nCSeq: ${/CSeq: *(\d+)/i.exec(text)?.[1] ?? '0'}\r\n\r\n`);
  }));
  try {
    const options = { transport: 'udp' as const, stallTimeoutMs: 5000, audio: false, onNoAudio: () => undefined, onHang: () => undefined, signal: AbortSignal.timeout(30_000), addresses: AddressPolicy.forCameras() };
    await assert.rejects(FfmpegSource.open({ ...options, url: `rtsp://127.0.0.1:${port}/h264` }), { code: 'camera_unreachable', message: /127\.0\.0\.1 sends elsewhere/ });
    assert.ok(asked > 1);
  } finally {
    server.close();
  }
});

test('a camera that goes away and returns is read again, in a new epoch', real, async () => {
  const first = await RealCamera.start(mounts);
  await using kernel = await TestKernel.start([{ id: 'cam', url: first.url('h264') }]);
  await kernel.streaming('cam');
  await first[Symbol.asyncDispose]();
  const down = await kernel.until('cam', ({ state }) => state === 'down', 'is down');
  assert.equal(down.last_error?.code, 'camera_unreachable');
  assert.equal(down.fps, null);
  await using _again = await RealCamera.start(mounts, { port: first.port });
  const back = await kernel.streaming('cam');
  assert.ok(back.counters.reconnects >= 1);
  assert.equal(back.counters.restarts, 0, 'the process itself lived on');
});

for (const transport of ['tcp', 'udp'] as const) {
  test(`a camera that falls silent over ${transport} counts as stalled, and streams again when it wakes`, real, async () => {
    await using camera = await RealCamera.start(mounts);
    await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('h264'), transport, stall_timeout_ms: 1500 }]);
    await kernel.until('cam', ({ counters }) => counters.packets > 25, 'streams');
    camera.freeze();
    const stalled = await kernel.until('cam', ({ state }) => state !== 'streaming', 'is stalled');
    assert.deepEqual([stalled.state, stalled.last_error?.code], ['stalled', 'camera_stalled']);
    camera.thaw();
    await kernel.streaming('cam');
  });
}
