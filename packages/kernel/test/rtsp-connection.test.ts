// The pace at which a camera's connection is read, on a real socket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AddressPolicy } from '@ruth/transport';
import { FfmpegSource } from '../src/ingest/ffmpeg-source.ts';
import { RtspConnection } from '../src/ingest/rtsp/rtsp-connection.ts';
import { RtspTcpSource } from '../src/ingest/rtsp/rtsp-tcp-source.ts';

const INTERVAL_MS = 20;
const FRAMES = 30;

test('what nobody waits for is read several frames at a time, in order and whole; what somebody waits for, as it comes', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const got: number[] = [];
  let reads = 0;
  let sameRead = false;
  let arrived = (): void => undefined;
  const onFrame = (channel: number, payload: Buffer): void => {
    assert.equal(channel, 0);
    got.push(payload.readUInt16BE(0));
    if (!sameRead) reads++;
    sameRead = true;
    setImmediate(() => { sameRead = false; });
    arrived();
  };
  const url = new URL(`rtsp://127.0.0.1:${(server.address() as { port: number }).port}/`);
  using connection = await RtspConnection.open(url, { onFrame, onEnd: () => undefined }, AbortSignal.timeout(10_000), AddressPolicy.forCameras());
  const [camera] = await accepted;
  let sent = 0;
  const send = (): void => { camera.write(Buffer.from([0x24, 0, 0, 2, sent >> 8, sent++ & 0xff])); };
  const sendAll = async (): Promise<number> => {
    const readsBefore = reads;
    for (let count = 0; count < FRAMES; count++) {
      send();
      await delay(INTERVAL_MS);
    }
    while (got.length < sent) await new Promise<void>((resolve) => { arrived = resolve; });
    return reads - readsBefore;
  };
  try {
    const prompt = await sendAll();
    connection.setPrompt(false);
    const gathered = await sendAll();
    assert.ok(gathered < FRAMES / 3 && gathered < prompt, `${gathered} reads for ${FRAMES} frames, ${prompt} before`);
    // In the middle of gathering: what waits comes at once, and so does all that follows.
    send();
    connection.setPrompt(true);
    assert.ok(await sendAll() > gathered);
    assert.deepEqual(got, Array.from({ length: sent }, (_, index) => index));
  } finally {
    camera.destroy();
    server.close();
  }
});

test('a camera where none may be is not connected to, and one that sends elsewhere is not followed', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.write('RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: rtsp://169.254.169.254/\r\n\r\n')));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  let connections = 0;
  server.on('connection', () => connections++);
  const { port } = server.address() as { port: number };
  const options = { transport: 'tcp' as const, stallTimeoutMs: 5000, audio: false, onNoAudio: () => undefined, onHang: () => undefined, signal: AbortSignal.timeout(10_000) };
  try {
    const only = AddressPolicy.forCameras({ only: ['192.168.0.0/16'] });
    for (const host of ['127.0.0.1', 'localhost']) {
      await assert.rejects(RtspTcpSource.open({ ...options, url: `rtsp://${host}:${port}/`, addresses: only }), { code: 'forbidden', message: /camera_addresses\.only/ });
      await assert.rejects(FfmpegSource.open({ ...options, transport: 'udp', url: `rtsp://${host}:${port}/`, addresses: only }), { code: 'forbidden' });
    }
    assert.equal(connections, 0);
    // Not `camera_protocol`: FFmpeg, which is asked next where our own reader does not understand a camera, would follow.
    for (const open of [RtspTcpSource.open({ ...options, url: `rtsp://127.0.0.1:${port}/`, addresses: AddressPolicy.forCameras() }), FfmpegSource.open({ ...options, transport: 'udp', url: `rtsp://localhost:${port}/`, addresses: AddressPolicy.forCameras() })]) {
      await assert.rejects(open, { code: 'camera_unreachable', message: /sends elsewhere \(302\), which is not followed/ });
    }
  } finally {
    server.close();
  }
});
