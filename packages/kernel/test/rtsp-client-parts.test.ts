import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { AccessUnits, Authorization, describedVideo, InterleavedDecoder, type AccessUnit, type RtspAnswer } from '../src/index.ts';

interface Seen { readonly frames: [number, string][]; readonly answers: RtspAnswer[] }

function decode(chunks: readonly Buffer[]): Seen {
  const seen: Seen = { frames: [], answers: [] };
  const decoder = new InterleavedDecoder({ onFrame: (channel, payload) => seen.frames.push([channel, payload.toString('hex')]), onAnswer: (answer) => seen.answers.push(answer) });
  for (const chunk of chunks) decoder.push(chunk);
  return seen;
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => Buffer.from(bytes.subarray(sorted[index], end)));
}

test('answers and frames come out the same however the bytes are split', () => {
  const bytes = Buffer.concat([
    Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\nWWW-Authenticate: Basic realm="a"\r\nwww-authenticate: Digest nonce="b"\r\n\r\nhello'),
    Buffer.from([0x24, 0, 0, 3, 1, 2, 3]), Buffer.from('OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 9\r\n\r\n'), Buffer.from([0x24, 1, 0, 0]), Buffer.from('\r\nRTSP/1.0 454 Session Not Found\r\n\r\n'),
  ]);
  fc.assert(fc.property(fc.array(fc.nat({ max: 10_000 }), { maxLength: 30 }), (cuts) => {
    const { frames, answers } = decode(split(bytes, cuts));
    assert.deepEqual(frames, [[0, '010203'], [1, '']]);
    assert.deepEqual(answers.map(({ status, reason }) => [status, reason]), [[200, 'OK'], [454, 'Session Not Found']]);
    assert.equal(answers[0]!.body.toString(), 'hello');
    assert.deepEqual(answers[0]!.headers.get('www-authenticate'), ['Basic realm="a"', 'Digest nonce="b"']);
  }));
});

test('what does not speak RTSP, a header without end and a body beyond all measure are refused', () => {
  for (const text of ['220 mail.example ESMTP\r\n', 'HTTP/1.1 200 OK\r\n\r\n', 'A'.repeat(20_000), 'RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n', 'RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n']) {
    assert.throws(() => decode([Buffer.from(text)]), { code: 'camera_protocol' });
  }
});

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

test('a digest is what RFC 2069 and 2617 say; without one the password is sent as Basic; what cannot be met is not tried', () => {
  const credentials = { user: 'joe', password: 's3"cret' };
  const plain = Authorization.answering(['Basic realm="cam"', 'Digest realm="cam", nonce="n1", stale="FALSE"'], credentials)!.header('DESCRIBE', 'rtsp://cam/1');
  assert.match(plain, new RegExp(`response="${md5(`${md5('joe:cam:s3"cret')}:n1:${md5('DESCRIBE:rtsp://cam/1')}`)}"`));
  const quality = Authorization.answering(['Digest realm="cam", nonce="n2", qop="auth,auth-int", opaque="o"'], credentials)!.header('PLAY', 'u');
  const own = /cnonce="(\w+)"/.exec(quality)![1]!;
  assert.match(quality, new RegExp(`response="${md5(`${md5('joe:cam:s3"cret')}:n2:00000001:${own}:auth:${md5('PLAY:u')}`)}".*opaque="o"`));
  assert.equal(Authorization.answering(['Basic realm="x"'], credentials)!.header('PLAY', 'u'), `Basic ${Buffer.from('joe:s3"cret').toString('base64')}`);
  assert.equal(Authorization.answering(['Negotiate', 'Digest realm="x", nonce="n", algorithm=SHA-512'], credentials), null);
});

const SDP = ['v=0', 's=x', 'a=control:*', 'm=audio 0 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=control:track0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000',
  'a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z2QAH6zZQMASaEAAAAMAQAAABQPGDGU=,aOvhEsiw;profile-level-id=64001f', 'a=control:track1'];

test('the video of a description is found, with its address and its parameter sets', () => {
  const video = describedVideo(SDP.join('\r\n'), 'rtsp://cam/live/');
  assert.deepEqual([video.codec, video.payloadType, video.controlUrl], ['h264', 96, 'rtsp://cam/live/track1']);
  assert.equal(video.parameterSets?.subarray(0, 8).toString('hex'), '000000016764001f');
  assert.equal(describedVideo(SDP.join('\n').replace('control:track1', 'control:rtsp://cam/other'), 'rtsp://cam/live').controlUrl, 'rtsp://cam/other');
  assert.throws(() => describedVideo(SDP.slice(0, 6).join('\n'), 'rtsp://cam'), { code: 'camera_no_video', message: /no video/ });
  assert.throws(() => describedVideo(SDP.join('\n').replace('H264', 'JPEG'), 'rtsp://cam'), { code: 'camera_no_video', message: /neither/ });
});

function rtp(sequence: number, timestamp: number, marker: boolean, payload: string): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = 96 | (marker ? 0x80 : 0);
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  return Buffer.concat([header, Buffer.from(payload, 'hex')]);
}

function assemble(codec: 'h264' | 'hevc', packets: readonly Buffer[]): { units: AccessUnit[]; lost: number } {
  const units: AccessUnit[] = [];
  const assembler = new AccessUnits(codec, 96, (unit) => units.push(unit));
  packets.forEach((packet, index) => assembler.push(packet, index));
  return { units, lost: assembler.lost };
}

test('an H.264 picture is put together from single, aggregated and fragmented units', () => {
  const { units } = assemble('h264', [
    rtp(65_534, 0xffffff00, false, '18' + '0003' + '674211' + '0002' + '68ce'), rtp(65_535, 0xffffff00, false, '7c85aaaa'), rtp(0, 0xffffff00, false, '7c05bbbb'), rtp(1, 0xffffff00, true, '7c45cccc'),
    rtp(2, 0xffffff00 + 3600, true, '419a01'),
  ]);
  assert.deepEqual(units.map(({ data, keyframe, ptsTicks, capturedAtUs }) => [data.toString('hex'), keyframe, ptsTicks, capturedAtUs]), [
    ['00000001674211' + '0000000168ce' + '0000000165aaaabbbbcccc', true, 0, 0], ['00000001419a01', false, 3600, 4],
  ]);
});

test('an H.265 picture is put together likewise', () => {
  const { units } = assemble('hevc', [rtp(1, 90, false, '6001' + '0003' + '420101' + '0003' + '440101'), rtp(2, 90, false, '620193aaaa'), rtp(3, 90, true, '620153bbbb')]);
  assert.deepEqual(units.map(({ data, keyframe }) => [data.toString('hex'), keyframe]), [['00000001420101' + '00000001440101' + '000000012601aaaabbbb', true]]);
});

test('a unit with a hole is left out and counted; a packet that comes twice is ignored; a lost marker ends no stream', () => {
  const { units, lost } = assemble('h264', [
    rtp(1, 0, false, '67aa'), rtp(2, 0, false, '7c85aa'), rtp(4, 0, true, '7c45cc'), rtp(5, 3600, false, '41bb'), rtp(5, 3600, false, '41bb'), rtp(7, 7200, true, '41cc'),
  ]);
  assert.equal(lost, 2);
  assert.deepEqual(units.map(({ data, keyframe, ptsTicks }) => [data.toString('hex'), keyframe, ptsTicks]), [['0000000167aa' + '0000000141bb', false, 3600], ['0000000141cc', false, 7200]]);
});

test('parameter sets with a marker or a time of their own go with the picture that follows', () => {
  const { units } = assemble('h264', [rtp(1, 0, true, '674211'), rtp(2, 0, true, '68ce'), rtp(3, 3600, true, '65aa'), rtp(4, 7200, true, '41bb')]);
  assert.deepEqual(units.map(({ data, keyframe, ptsTicks }) => [data.toString('hex'), keyframe, ptsTicks]), [['00000001674211' + '0000000168ce' + '0000000165aa', true, 3600], ['0000000141bb', false, 7200]]);
});

test('any RTP bytes are safe', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), fc.constantFrom('h264' as const, 'hevc' as const), (packets, codec) => {
    assemble(codec, packets.map((bytes, index) => Buffer.concat([rtp(index, index >> 1, false, ''), bytes])));
    assemble(codec, packets.map((bytes) => Buffer.from(bytes)));
  }), { numRuns: 1000 });
});
