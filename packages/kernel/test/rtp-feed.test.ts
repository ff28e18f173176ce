// What the SFU is sent: pictures of a clip, made by a real encoder, put together again from the RTP packets that arrive.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { AccessUnits, type AccessUnit } from '../src/ingest/rtsp/access-units.ts';
import type { FromIngest } from '../src/ingest/messages.ts';
import { RtpFeed } from '../src/live/rtp/rtp-feed.ts';
import { readClip, type Clip } from '../src/live/rtsp/index.ts';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { PictureGroup } from '../src/media/picture-group.ts';
import { Clips, noCamera } from './real-camera.ts';
import { until } from './test-kernel.ts';

const START_CODE = Buffer.from([0, 0, 0, 1]);
const TICKS = 3600;
const PAYLOAD_TYPE = 102;
const SSRC = 0x1234_5678;
const real = { skip: noCamera };
let clips: Clips;
let clip: Clip;
let format: StreamFormat;

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  clip = await readClip(await clips.make('clip.mp4', { size: '1280x720', seconds: 4, gop: 50, extra: ['-b:v', '6M'] }));
  const parameterSets = Buffer.concat(clip.video.parameterSets.flatMap((nal) => [START_CODE, nal]));
  format = { codec: 'h264', parameterSets, width: 1280, height: 720, reorderDepth: 0, audio: null };
});
after(async () => { await clips?.[Symbol.asyncDispose](); });

/** The n-th picture of the clip. */
const picture = (index: number, ptsTicks = index * TICKS, epoch = 0): MediaPacket => {
  const { nals, keyframe } = clip.units[index % clip.units.length]!;
  return new MediaPacket(Buffer.concat(nals.flatMap((nal) => [START_CODE, nal])), ptsTicks, keyframe, Date.now() * 1000, epoch);
};

/** The SFU's end. */
class Receiver implements Disposable {
  readonly units: AccessUnit[] = [];
  readonly timestamps: number[] = [];
  readonly reports: Buffer[] = [];
  readonly socket: Socket;
  readonly lost: () => number;
  largest = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    const units = new AccessUnits('h264', PAYLOAD_TYPE, (unit) => { this.units.push(unit); });
    this.lost = () => units.lost;
    socket.on('message', (packet) => {
      if (packet[1]! >= 192 && packet[1]! <= 223) return void this.reports.push(packet);
      assert.equal(packet.readUInt32BE(8), SSRC);
      this.largest = Math.max(this.largest, packet.length);
      const timestamp = packet.readUInt32BE(4);
      if (this.timestamps.at(-1) !== timestamp) this.timestamps.push(timestamp);
      units.push(packet, 0);
    });
  }

  static async open(): Promise<Receiver> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Receiver(socket);
  }

  get target() { return { host: '127.0.0.1', port: this.socket.address().port, payloadType: PAYLOAD_TYPE, ssrc: SSRC }; }
  pictures(count: number): Promise<number> { return until(() => this.units.length, (have) => have >= count, `${count} pictures`); }
  [Symbol.dispose](): void { this.socket.close(); }
}

class Feed implements Disposable {
  readonly group = new PictureGroup();
  readonly said: FromIngest[] = [];
  readonly feed = new RtpFeed({ group: this.group, send: async (message) => { this.said.push(message); } });
  constructor() { for (const consumer of [this.group, this.feed]) consumer.begin(format); }
  accept(...packets: MediaPacket[]): void { for (const packet of packets) for (const consumer of [this.group, this.feed]) consumer.accept(packet); }
  [Symbol.dispose](): void { this.feed[Symbol.dispose](); }
}

const pictures = (from: number, to: number): MediaPacket[] => Array.from({ length: to - from }, (_, index) => picture(from + index));
const withoutSets = (data: Buffer): Buffer => data.subarray(Math.max(0, data.indexOf(Buffer.concat([START_CODE, Buffer.from([0x65])]))));

test('a feed begins with the pictures since the last keyframe, a tick apart up to the newest one, and goes on live', real, async () => {
  using receiver = await Receiver.open();
  using feed = new Feed();
  feed.accept(...pictures(0, 30));
  feed.feed.setTarget(receiver.target);
  await receiver.pictures(30);
  feed.accept(...pictures(30, 33));
  await receiver.pictures(33);
  assert.equal(receiver.lost(), 0);
  assert.ok(receiver.largest <= 1200, `${receiver.largest} bytes`);
  assert.deepEqual(receiver.timestamps, [...Array.from({ length: 30 }, (_, index) => 29 * TICKS - 29 + index), 30 * TICKS, 31 * TICKS, 32 * TICKS]);
  assert.deepEqual(receiver.units.map(({ keyframe }) => keyframe).indexOf(true), 0);
  for (const [index, unit] of receiver.units.entries()) assert.ok(withoutSets(unit.data).equals(withoutSets(picture(index).data)), `picture ${index} came whole`);
  assert.ok(receiver.units[0]!.data.includes(clip.video.parameterSets[0]!), 'SPS in front of the keyframe');
  assert.deepEqual(feed.said, [{ type: 'rtp-clock', offsetTicks: 0, epoch: 0 }]);
  assert.deepEqual(feed.feed.drops, {});
  const [report] = receiver.reports;
  assert.deepEqual([report?.[1], report?.readUInt32BE(4)], [200, SSRC], 'a sender report');
});

test('the group is sent again when the kernel says so, with times that go on growing', real, async () => {
  using receiver = await Receiver.open();
  using feed = new Feed();
  feed.feed.setTarget(receiver.target);
  feed.accept(...pictures(0, 10));
  await receiver.pictures(10);
  feed.feed.setTarget({ ...receiver.target, repeats: 1 });
  feed.feed.setTarget({ ...receiver.target, repeats: 1 });
  await receiver.pictures(20);
  feed.accept(picture(10));
  await receiver.pictures(21);
  assert.deepEqual(receiver.timestamps.slice(9), [...Array.from({ length: 11 }, (_, index) => 9 * TICKS + index), 10 * TICKS]);
  assert.equal(receiver.units[10]!.keyframe, true);
  feed.feed.setTarget(receiver.target);
});

test('when the clock of the camera begins anew, times go on, and the kernel is told by how much they differ', real, async () => {
  using receiver = await Receiver.open();
  using feed = new Feed();
  feed.feed.setTarget(receiver.target);
  feed.accept(picture(0, 1e12), picture(1, 1e12 + TICKS), picture(50, 77, 1), picture(51, 77 + TICKS, 1));
  await receiver.pictures(4);
  const clock = feed.said.at(-1);
  assert.ok(clock?.type === 'rtp-clock' && clock.epoch === 1);
  const [, second, third, fourth] = receiver.timestamps;
  assert.equal(second, (1e12 + TICKS) % 2 ** 32);
  assert.equal(third, (77 + clock.offsetTicks) % 2 ** 32);
  assert.ok(third > second && third - second < 90_000 * 90, 'later by what passed');
  assert.equal(fourth, third + TICKS);
});

test('a pause keeps sequence and SSRC; nothing is sent meanwhile, nor of H.265', real, async () => {
  using receiver = await Receiver.open();
  using feed = new Feed();
  feed.feed.setTarget(receiver.target);
  feed.accept(...pictures(0, 3));
  await receiver.pictures(3);
  feed.feed.setTarget(null);
  feed.accept(...pictures(3, 5));
  feed.feed.begin({ ...format, codec: 'hevc' });
  feed.feed.setTarget(receiver.target);
  feed.accept(picture(50));
  feed.feed.begin(format);
  feed.accept(picture(51), picture(100));
  await receiver.pictures(4);
  assert.equal(receiver.timestamps.at(-1), 100 * TICKS);
  assert.equal(receiver.units.length, 4);
  assert.equal(receiver.lost(), 0);
});

test('a receiver that is gone costs counted packets and nothing else', real, async () => {
  const receiver = await Receiver.open();
  const { target } = receiver;
  receiver[Symbol.dispose]();
  using feed = new Feed();
  feed.feed.setTarget(target);
  feed.accept(...pictures(0, 20));
  await until(() => feed.feed.drops.rtp_failed ?? 0, (failed) => failed > 0, 'failures are counted');
});
