// Properties of what the RTSP server reads and writes: any split, any damage, any picture.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_BODY_BYTES, MAX_HEAD_BYTES, parseExtradata, RequestDecoder, RtpStream, splitByteStream, splitSample, type Decoded } from '../src/live/rtsp/index.ts';

const token = fc.stringMatching(/^[A-Za-z0-9-]{1,20}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/);
const request = fc.record({ method: fc.constantFrom('OPTIONS', 'DESCRIBE', 'GET_PARAMETER', 'BREW'), path: token, headers: fc.dictionary(token.map((name) => `x-${name.toLowerCase()}`), value, { maxKeys: 8 }), body: fc.uint8Array({ maxLength: 300 }) });
const packet = fc.record({ channel: fc.nat(255), payload: fc.uint8Array({ maxLength: 2000 }) });

function feed(decoder: RequestDecoder, bytes: Buffer, cuts: readonly number[]): Decoded[] {
  const found: Decoded[] = [];
  let start = 0;
  for (const end of [...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    decoder.push(bytes.subarray(start, end));
    start = end;
    for (let decoded = decoder.next(); decoded.kind !== 'incomplete'; decoded = decoder.next()) {
      found.push(decoded);
      if (decoded.kind === 'malformed') return found;
    }
  }
  return found;
}

test('requests and interleaved packets come out whole, however the stream is split', () => {
  fc.assert(fc.property(fc.array(fc.oneof(request, packet), { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, cuts) => {
    const bytes = Buffer.concat(messages.map((message) => {
      if ('channel' in message) return Buffer.concat([Buffer.from([0x24, message.channel, message.payload.length >> 8, message.payload.length & 0xff]), message.payload]);
      const headers = Object.entries({ ...message.headers, 'Content-Length': String(message.body.length) });
      return Buffer.concat([Buffer.from(`${message.method} rtsp://h/${message.path} RTSP/1.0\r\n${headers.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`), message.body]);
    }));
    const found = feed(new RequestDecoder(), bytes, cuts);
    assert.equal(found.length, messages.length);
    for (const [index, message] of messages.entries()) {
      const decoded = found[index]!;
      if ('channel' in message) {
        assert.ok(decoded.kind === 'interleaved');
        assert.equal(decoded.channel, message.channel);
        assert.ok(decoded.payload.equals(message.payload));
      } else {
        assert.ok(decoded.kind === 'request');
        assert.equal(decoded.request.method, message.method);
        assert.equal(decoded.request.uri, `rtsp://h/${message.path}`);
        assert.ok(decoded.request.body.equals(message.body));
        for (const [name, text] of Object.entries(message.headers)) assert.equal(decoded.request.headers.get(name), text);
      }
    }
  }));
});

test('damaged requests never throw, and never make the decoder hold more than one message', () => {
  const damaged = fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 })).map(([tail, flips]) => {
    const bytes = Buffer.concat([Buffer.from('SETUP rtsp://h/demo/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP\r\nContent-Length: 5\r\n\r\nhello'), tail]);
    for (const [at, byte] of flips) bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(fc.property(damaged, fc.array(fc.nat(), { maxLength: 6 }), (bytes, cuts) => {
    const decoder = new RequestDecoder();
    feed(decoder, bytes, cuts);
    assert.ok(decoder.pendingBytes <= MAX_HEAD_BYTES + MAX_BODY_BYTES + 65_539);
  }), { numRuns: 500 });
});

test('a head, a body, a URI and a number of headers over the limit are refused', () => {
  const statusOf = (text: string): number | null => {
    const decoded = feed(new RequestDecoder(), Buffer.from(text), []).at(-1);
    return decoded?.kind === 'malformed' ? decoded.status : null;
  };
  assert.equal(statusOf(`OPTIONS * RTSP/1.0\r\nX: ${'y'.repeat(MAX_HEAD_BYTES)}\r\n\r\n`), 413);
  assert.equal(statusOf(`OPTIONS * RTSP/1.0\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`), 413);
  assert.equal(statusOf(`OPTIONS rtsp://h/${'y'.repeat(3000)} RTSP/1.0\r\n\r\n`), 414);
  assert.equal(statusOf(`OPTIONS * RTSP/1.0\r\n${'X: y\r\n'.repeat(100)}\r\n`), 400);
  assert.equal(statusOf('OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n'), 400);
  assert.equal(statusOf('GET / HTTP/1.1\r\n\r\n'), 400);
});

for (const codec of ['h264', 'hevc'] as const) {
  test(`${codec} pictures of any size come back whole from their RTP packets`, () => {
    const headerBytes = codec === 'h264' ? 1 : 2;
    const nal = fc.tuple(codec === 'h264' ? fc.constantFrom(0x41, 0x65, 0x06) : fc.constantFrom(0x02, 0x26, 0x4e), fc.oneof(fc.nat(3000), fc.constantFrom(1386, 1387, 1388, 1389, 2772, 2770)), fc.nat(255))
      .map(([header, length, fill]) => Buffer.concat([codec === 'h264' ? Buffer.from([header]) : Buffer.from([header, 1]), Buffer.alloc(length + 1, fill)]));
    fc.assert(fc.property(fc.array(nal, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 2 ** 50 }), (nals, ptsUs) => {
      const stream = new RtpStream({ codec, parameterSets: [], frameRate: null });
      const packets = stream.packets({ nals, ptsUs, keyframe: false });
      assert.ok(packets.every((one) => one.length <= 1400 && one.readUInt32BE(8) === stream.ssrc && one.readUInt32BE(4) === stream.timestamp(ptsUs)));
      assert.deepEqual(packets.map((one) => one[1]! >> 7), packets.map((_, index) => (index === packets.length - 1 ? 1 : 0)));
      const whole: Buffer[] = [];
      for (const payload of packets.map((one) => one.subarray(12))) {
        const type = codec === 'h264' ? payload[0]! & 0x1f : (payload[0]! >> 1) & 0x3f;
        if (type !== (codec === 'h264' ? 28 : 49)) {
          whole.push(payload);
          continue;
        }
        const fragment = payload[headerBytes]!;
        if (fragment & 0x80) whole.push(codec === 'h264' ? Buffer.from([(payload[0]! & 0xe0) | (fragment & 0x1f)]) : Buffer.from([(payload[0]! & 0x81) | ((fragment & 0x3f) << 1), payload[1]!]));
        whole.push(Buffer.concat([whole.pop()!, payload.subarray(headerBytes + 1)]));
      }
      assert.deepEqual(whole, nals);
    }));
  });
}

test('NAL units come back from byte streams and from samples; cut samples and extradata are refused', () => {
  // No byte of these is 0, so that none looks like a start code.
  const nals = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50, min: 1 }).map((bytes) => Buffer.from(bytes)), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(nals, fc.constantFrom(1, 2, 4), fc.nat(), (units, lengthBytes, cut) => {
    assert.deepEqual(splitByteStream(Buffer.concat(units.flatMap((nal, index) => [Buffer.from(index % 2 ? [0, 0, 1] : [0, 0, 0, 1]), nal]))), units);
    const sample = Buffer.concat(units.flatMap((nal) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUIntBE(nal.length, 0, lengthBytes);
      return [length, nal];
    }));
    assert.deepEqual(splitSample(sample, lengthBytes), units);
    const short = sample.subarray(0, cut % sample.length);
    try {
      assert.ok(splitSample(short, lengthBytes).length < units.length);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'stream_corrupt');
    }
  }));
  fc.assert(fc.property(fc.constantFrom('h264' as const, 'hevc' as const), fc.uint8Array({ maxLength: 60 }), (codec, bytes) => {
    try {
      parseExtradata(codec, Buffer.from([1, ...bytes]));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'stream_corrupt');
    }
  }));
});
