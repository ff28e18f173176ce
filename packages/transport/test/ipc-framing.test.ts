import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol';
import fc from 'fast-check';
import { encodeMessage, MessageDecoder } from '../src/index.ts';

const hasCode = (code: string) => (error: unknown): boolean => error instanceof RuthError && error.code === code;

/** JSON survives a round trip but for -0, which JSON cannot say. */
const jsonValue = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

function drain(decoder: MessageDecoder): unknown[] {
  const values: unknown[] = [];
  for (let next = decoder.next(); next.status === 'message'; next = decoder.next()) values.push(next.value);
  return values;
}

test('Messages decode the same wherever their bytes are split, and whatever becomes of the chunks afterwards', () => {
  fc.assert(fc.property(fc.array(jsonValue, { maxLength: 8 }), fc.array(fc.nat({ max: 4000 }), { maxLength: 30 }), (messages, cuts) => {
    const bytes = Buffer.concat(messages.map(encodeMessage));
    const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    const decoder = new MessageDecoder();
    const values = edges.slice(1).flatMap((edge, index) => {
      const chunk = Buffer.from(bytes.subarray(edges[index], edge));
      decoder.push(chunk);
      const decoded = drain(decoder);
      chunk.fill(0xff); // the chunk is the caller's again
      return decoded;
    });
    assert.deepEqual(values, messages);
    assert.equal(decoder.pendingBytes, 0);
  }), { numRuns: 500 });
});

test('A message sent byte by byte arrives whole', () => {
  const decoder = new MessageDecoder();
  const bytes = encodeMessage({ text: 'zażółć 視頻 🎥' });
  for (const [index, byte] of bytes.entries()) {
    decoder.push(Buffer.from([byte]));
    if (index < bytes.length - 1) assert.equal(decoder.next().status, 'incomplete');
  }
  assert.deepEqual(decoder.next(), { status: 'message', value: { text: 'zażółć 視頻 🎥' } });
});

test('Random bytes give messages or errors of the table, and never hang', () => {
  // Lengths are mostly small, so that many bodies are reached.
  const piece = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 20 }).map(prefix), jsonValue.map(encodeMessage));
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const decoder = new MessageDecoder();
    for (const bytes of pieces) {
      decoder.push(Buffer.from(bytes));
      for (let calls = 0, done = false; !done; calls++) {
        assert.ok(calls <= 1000, 'the decoder goes round in circles');
        try {
          done = decoder.next().status === 'incomplete';
        } catch (error) {
          assert.ok(error instanceof RuthError);
          if (error.code !== 'bad_request') {
            assert.ok(['invalid_length', 'message_too_large'].includes(error.code), error.code);
            return;
          }
        }
      }
    }
  }), { numRuns: 1000 });
});

test('A length of zero is an error, and stays one', () => {
  const decoder = new MessageDecoder();
  decoder.push(Buffer.concat([prefix(0), encodeMessage('after')]));
  assert.throws(() => decoder.next(), hasCode('invalid_length'));
  assert.throws(() => decoder.next(), hasCode('invalid_length'));
});

test('A length of 4 GiB is an error at once, before any of its bytes arrive', () => {
  const decoder = new MessageDecoder();
  decoder.push(prefix(0xffff_ffff));
  assert.throws(() => decoder.next(), hasCode('message_too_large'));
});

test('A length prefix that promises 10 MiB makes the decoder hold no more than what arrived', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 200 }, () => {
    const decoder = new MessageDecoder();
    decoder.push(prefix(MAX_MESSAGE_BYTES));
    decoder.next();
    decoder.push(Buffer.from('{'));
    assert.equal(decoder.next().status, 'incomplete');
    return decoder;
  });
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 * MAX_MESSAGE_BYTES, `${decoders.length} decoders hold too much`);
});

test('The longest message allowed passes; one byte more does not', () => {
  const longest = 'x'.repeat(MAX_MESSAGE_BYTES - 2); // two quotes
  const decoder = new MessageDecoder();
  decoder.push(encodeMessage(longest));
  assert.deepEqual(decoder.next(), { status: 'message', value: longest });
  assert.throws(() => encodeMessage(`${longest}x`), hasCode('message_too_large'));
});

test('What is no JSON, or no UTF-8, is bad_request, and the message behind it still arrives', () => {
  const bodies = [Buffer.from('{"a":'), Buffer.from([0x22, 0xff, 0x22]), Buffer.from('nope')];
  const decoder = new MessageDecoder();
  decoder.push(Buffer.concat([...bodies.flatMap((body) => [prefix(body.length), body]), encodeMessage('behind')]));
  for (const _ of bodies) assert.throws(() => decoder.next(), hasCode('bad_request'));
  assert.deepEqual(decoder.next(), { status: 'message', value: 'behind' });
});

test('A replacement character that was really sent is no error', () => {
  const decoder = new MessageDecoder();
  decoder.push(encodeMessage('\uFFFD'));
  assert.deepEqual(decoder.next(), { status: 'message', value: '\uFFFD' });
});

test('What JSON cannot say is refused before it is sent', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const value of [undefined, 1n, circle, () => 1]) assert.throws(() => encodeMessage(value), hasCode('bad_request'));
});
