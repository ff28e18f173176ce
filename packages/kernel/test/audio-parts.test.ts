import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArrivalClock } from '../src/ingest/arrival-clock.ts';
import { parseAudioConfig } from '../src/ingest/audio/audio-config.ts';
import { AudioTimeline } from '../src/ingest/audio/audio-timeline.ts';
import { AudioTrack } from '../src/ingest/audio/audio-track.ts';
import type { AudioDescription, SourceAudio } from '../src/ingest/packet-source.ts';
import { AudioUnits } from '../src/ingest/rtsp/audio-units.ts';
import { describedAudio, type DescribedAudio } from '../src/ingest/rtsp/described-audio.ts';
import { parseRtcp } from '../src/ingest/rtsp/rtcp.ts';

const sdp = (...audio: string[]): string => ['v=0', 's=x', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=control:track1', ...audio].join('\r\n');
const AAC = ['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 mpeg4-generic/48000/2', 'a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190', 'a=control:track2'];

function found(...audio: string[]): DescribedAudio {
  const { audio: description } = describedAudio(sdp(...audio), 'rtsp://cam/live');
  assert.ok(description);
  return description;
}

test('the sound of a description is found: the first that can be kept, with what a decoder must know', () => {
  const aac = found(...AAC);
  assert.deepEqual([aac.codec, aac.payloadType, aac.controlUrl, aac.clockRate, aac.channels, aac.config?.toString('hex')], ['aac', 97, 'rtsp://cam/live/track2', 48_000, 2, '1190']);
  assert.deepEqual(aac.packing, { kind: 'au-headers', sizeBits: 13, indexBits: 3 });
  const latm = found('m=audio 0 RTP/AVP 96', 'a=rtpmap:96 MP4A-LATM/48000', 'a=fmtp:96 cpresent=0;config=400023203fc0');
  assert.equal(latm.config?.toString('hex').slice(0, 4), '1190');
  assert.equal(found('m=audio 0 RTP/AVP 0').codec, 'pcmu');
  assert.deepEqual([found('m=audio 0 RTP/AVP 8').codec, found('m=audio 0 RTP/AVP 10').channels], ['pcma', 2]);
  const g726 = found('m=audio 0 RTP/AVP 98', 'a=rtpmap:98 G726-32/8000');
  assert.deepEqual([g726.codec, g726.bitsPerSample], ['g726', 4]);
  assert.equal(found('m=audio 0 RTP/AVP 99 0', 'a=rtpmap:99 SPEEX/16000').codec, 'pcmu');
  assert.deepEqual(describedAudio(sdp(), 'rtsp://cam'), { audio: null, reason: null });
  const unknown = describedAudio(sdp('m=audio 0 RTP/AVP 99', 'a=rtpmap:99 SPEEX/16000'), 'rtsp://cam');
  assert.match((unknown as { reason: string }).reason, /SPEEX\/16000/);
  for (const config of ['', 'xyz', '40', '410023203fc0']) assert.equal(describedAudio(sdp('m=audio 0 RTP/AVP 96', 'a=rtpmap:96 MP4A-LATM/48000', `a=fmtp:96 cpresent=0;config=${config}`), 'rtsp://cam').audio, null);
});

test('an AudioSpecificConfig says rate, channels and the length of a frame; nonsense is refused', () => {
  assert.deepEqual(parseAudioConfig(Buffer.from('1190', 'hex')), { sampleRate: 48_000, channels: 2, frameSamples: 1024 });
  assert.deepEqual(parseAudioConfig(Buffer.from('1588', 'hex')), { sampleRate: 8000, channels: 1, frameSamples: 1024 });
  assert.deepEqual(parseAudioConfig(Buffer.from('2b11880000', 'hex')), { sampleRate: 24_000, channels: 2, frameSamples: 1024 });
  for (const text of ['', '11', 'ffff', '0000']) assert.throws(() => parseAudioConfig(Buffer.from(text, 'hex')), { code: 'stream_corrupt' });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
    try { parseAudioConfig(Buffer.from(bytes)); } catch (error) { assert.equal((error as { code: string }).code, 'stream_corrupt'); }
  }));
});

function rtp(sequence: number, timestamp: number, payload: Buffer, { marker = true, type = 97 } = {}): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = type | (marker ? 0x80 : 0);
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  return Buffer.concat([header, payload]);
}

function unpack(description: DescribedAudio, packets: readonly Buffer[]): { heard: [string, number][]; lost: number } {
  const heard: [string, number][] = [];
  const units = new AudioUnits(description, ({ data, clockTicks }) => heard.push([data.toString('hex'), clockTicks]));
  packets.forEach((packet, index) => units.push(packet, index));
  return { heard, lost: units.clock.lost };
}

/** AU headers of 13 and 3 bits in front of what they describe. */
function accessUnits(sizes: readonly number[], data: string): Buffer {
  const head = Buffer.alloc(2 + sizes.length * 2);
  head.writeUInt16BE(sizes.length * 16);
  sizes.forEach((size, index) => head.writeUInt16BE(size << 3, 2 + index * 2));
  return Buffer.concat([head, Buffer.from(data, 'hex')]);
}

test('AAC comes whole out of packets of one frame, of several, and of pieces; one with a hole is left out', () => {
  const { heard, lost } = unpack(found(...AAC), [
    rtp(1, 0xfffffc00, accessUnits([2], 'aabb')), rtp(2, 0, accessUnits([1, 2], '010203')),
    rtp(3, 2048, accessUnits([4], 'c1c2'), { marker: false }), rtp(4, 2048, accessUnits([4], 'c3c4')),
    rtp(5, 3072, accessUnits([4], 'd1d2'), { marker: false }), rtp(7, 3072, accessUnits([4], 'd3d4')), rtp(8, 4096, accessUnits([1], 'ee')),
  ]);
  assert.deepEqual(heard, [['aabb', 0], ['01', 1024], ['0203', 2048], ['c1c2c3c4', 3072], ['ee', 5120]]);
  assert.equal(lost, 1);
});

test('AAC in LATM comes out without its length, also in pieces', () => {
  const latm = found('m=audio 0 RTP/AVP 96', 'a=rtpmap:96 MP4A-LATM/48000', 'a=fmtp:96 cpresent=0;config=400023203fc0');
  const long = Buffer.alloc(300, 7);
  const whole = Buffer.concat([Buffer.from([0xff, 45]), long]);
  const { heard } = unpack(latm, [
    rtp(1, 0, Buffer.from('02aabb', 'hex'), { type: 96 }), rtp(2, 1024, whole.subarray(0, 200), { type: 96, marker: false }), rtp(3, 1024, whole.subarray(200), { type: 96 }), rtp(4, 2048, Buffer.from('05aa', 'hex'), { type: 96 }),
  ]);
  assert.deepEqual(heard, [['aabb', 0], [long.toString('hex'), 1024]]);
});

test('any RTP and RTCP bytes are safe for sound', () => {
  const descriptions = [found(...AAC), found('m=audio 0 RTP/AVP 97', 'a=rtpmap:97 PCMU/8000'), found('m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MP4A-LATM/48000', 'a=fmtp:97 cpresent=0;config=400023203fc0')];
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), fc.constantFrom(...descriptions), (packets, description) => {
    unpack(description, packets.map((bytes, index) => rtp(index, index >> 1, Buffer.from(bytes), { marker: index % 3 === 0 })));
    for (const bytes of packets) parseRtcp(Buffer.from(bytes));
  }), { numRuns: 500 });
});

test('a sender report tells the clock, a farewell behind it is seen', () => {
  const report = Buffer.alloc(28);
  report.set([0x80, 200, 0, 6]);
  report.writeUInt32BE(3_900_000_000, 8);
  report.writeUInt32BE(2 ** 31, 12);
  report.writeUInt32BE(90_000, 16);
  assert.deepEqual(parseRtcp(report), { clock: { ntpUs: 3_900_000_000.5e6, rtpTimestamp: 90_000 }, bye: false });
  assert.equal(parseRtcp(Buffer.concat([report, Buffer.from([0x81, 203, 0, 1, 0, 0, 0, 1])])).bye, true);
});

test('times of sound grow by what a frame lasts, without the jitter of the clocks, and are set anew beyond 100 ms', () => {
  const timeline = new AudioTimeline(44_100);
  const pts: number[] = [];
  const duration = 1024 * 90_000 / 44_100;
  for (let frame = 0; frame < 1000; frame++) {
    const stamped = timeline.stamp(1000 + frame * duration + (frame % 7 - 3) * 1000, 1024)!;
    if (pts.length > 0) assert.ok(Math.abs(stamped.ptsTicks - pts.at(-1)! - duration) <= 1);
    pts.push(stamped.ptsTicks);
  }
  const jumped = timeline.stamp(pts.at(-1)! + duration + 20_000, 1024)!;
  assert.equal(jumped.ptsTicks, Math.round(pts.at(-1)! + duration + 20_000));
  // Back by 200 ms: left out until it is where it was.
  const end = jumped.ptsTicks + jumped.durationTicks;
  const later = Array.from({ length: 20 }, (_, frame) => timeline.stamp(end - 18_000 + frame * duration, 1024));
  const left = later.filter((stamped) => stamped === null).length;
  assert.ok(left >= 8 && left <= 10, `${left} were left out`);
  assert.ok(later.slice(left).every((stamped) => stamped !== null && stamped.ptsTicks >= end));
});

const G711: AudioDescription = { codec: 'pcmu', clockRate: 8000, channels: 1, config: null, bitsPerSample: null };
const sound = (index: number, arrivedUs: number): SourceAudio => ({ data: Buffer.alloc(160, 0xff), clockTicks: index * 160, capturedAtUs: arrivedUs });

test('sound is placed beside the picture by the camera\'s reports, and by its arrival where they are missing or absurd', () => {
  const video = { videoUs: 1_000_000_000, epoch: 1 };
  for (const [sender, offsetUs] of [[null, 250_000], [{ videoUs: 5e12, audioUs: 5e12 + 300_000 }, 300_000], [{ videoUs: 5e12, audioUs: 0 }, 250_000]] as const) {
    using track = AudioTrack.open(G711, () => assert.fail('dropped'));
    const packets = Array.from({ length: 200 }, (_, index) => track.take(sound(index, video.videoUs + 250_000 + index * 20_000 + index % 3 * 4000), { ...video, sender })).flat();
    // The encoder begins 1024 samples early, to get under way.
    assert.ok(Math.abs(packets[0]!.ptsTicks - (offsetUs * 0.09 - 1024 * 90_000 / 16_000)) < 900, `${packets[0]!.ptsTicks} for ${offsetUs}`);
    for (const [index, packet] of packets.slice(1).entries()) assert.equal(packet.ptsTicks, packets[index]!.ptsTicks + packets[index]!.durationTicks);
  }
});

test('where a stream stands on the wall clock is what delays least; drift is followed slowly, a jump at once', () => {
  const clock = new ArrivalClock();
  let seed = 7;
  const jitterUs = (): number => (seed = seed * 16_807 % 2_147_483_647) % 60_000;
  let previous = 0;
  for (let frame = 0; frame < 25 * 60; frame++) {
    const arrivedUs = 1e12 + frame * 40_000 + jitterUs();
    const at = clock.at(frame * 40_000, arrivedUs);
    assert.ok(at <= arrivedUs && at > previous);
    if (frame > 100) assert.ok(Math.abs(at - (1e12 + frame * 40_000)) < 15_000);
    previous = at;
  }
  assert.equal(clock.at(60e6, 1e12 + 70e6), 1e12 + 70e6);
  assert.equal(clock.at(60e6 + 40_000, 1e12), 1e12);
});
