import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol';
import { encodeMessage, IpcClient } from '../src/index.ts';
import { BareClient, gate, serve, TIMEOUT_MS, until } from './ipc-harness.ts';

const codeOf = (answer: unknown): unknown => (answer as { error_code?: unknown } | null)?.error_code;

function frame(body: string): Buffer {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(body));
  bytes.writeUInt32BE(bytes.length - 4);
  bytes.write(body, 4);
  return bytes;
}

test('Requests sent in one go are answered in order, one at a time', async (t) => {
  let atOnce = 0;
  let most = 0;
  const server = await serve(t, {
    handle: async (message) => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      return message;
    },
  });
  const client = await BareClient.connect(t, server.path);
  const messages = Array.from({ length: 50 }, (_, index) => index);
  client.send(...messages);
  const answers: unknown[] = [];
  for (const _ of messages) answers.push(await client.receive());
  assert.deepEqual(answers, messages);
  assert.equal(most, 1);
});

test('Connections are served side by side: one that waits holds up no other', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: async (message, context) => message === 'slow' ? slow.handle(message, context) : message });
  const [first, second] = [await BareClient.connect(t, server.path), await BareClient.connect(t, server.path)];
  first.send('slow');
  await slow.begun();
  second.send('quick');
  assert.equal(await second.receive(), 'quick');
  slow.release();
  assert.deepEqual(await first.receive(), { echo: 'slow' });
});

test('While a request is handled, no more than a bounded backlog is taken in, and all of it is answered', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const client = await BareClient.connect(t, server.path);
  const message = 'x'.repeat(100_000);
  client.send('first');
  await slow.begun();
  const sent = 40;
  client.send(...Array.from({ length: sent }, () => message));
  // The server stops reading, so the rest stays on this side.
  await until(() => client.socket.writableLength > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(client.socket.writableLength > (sent - 10) * message.length, `only ${client.socket.writableLength} bytes wait at the client`);
  slow.release();
  assert.deepEqual(await client.receive(), { echo: 'first' });
  for (let index = 0; index < sent; index++) assert.deepEqual(await client.receive(), { echo: message });
});

for (const [name, prefix, code] of [
  ['of zero', Buffer.from([0, 0, 0, 0]), 'invalid_length'],
  ['of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'message_too_large'],
  ['of one byte over 10 MiB', (() => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(MAX_MESSAGE_BYTES + 1); return bytes; })(), 'message_too_large'],
] as const) {
  test(`A length ${name} is answered with an error, then the connection closes`, async (t) => {
    const server = await serve(t);
    const client = await BareClient.connect(t, server.path);
    client.sendBytes(prefix);
    assert.equal(codeOf(await client.receive()), code);
    assert.equal(await client.receive(), null);
    const other = await BareClient.connect(t, server.path);
    other.send('still here');
    assert.deepEqual(await other.receive(), { echo: 'still here' });
  });
}

test('A client that sends all of a message that is too large can still read why it was refused', async (t) => {
  const server = await serve(t);
  const client = await BareClient.connect(t, server.path);
  const bytes = Buffer.alloc(4 + MAX_MESSAGE_BYTES + 1, 0x20);
  bytes.writeUInt32BE(bytes.length - 4);
  client.socket.end(bytes);
  await once(client.socket, 'finish');
  assert.equal(codeOf(await client.receive()), 'message_too_large');
  assert.equal(await client.receive(), null);
});

test('Malformed JSON gets an error response, and the connection stays usable', async (t) => {
  const server = await serve(t);
  const client = await BareClient.connect(t, server.path);
  for (let round = 0; round < 3; round++) {
    client.sendBytes(frame('{"frame_reference": '));
    assert.equal(codeOf(await client.receive()), 'bad_request');
    client.send(round);
    assert.deepEqual(await client.receive(), { echo: round });
  }
  assert.equal(server.counters.errors, 3);
});

test('A handler that throws gives an error response with its code, and the connection stays usable', async (t) => {
  const failures: unknown[] = [new RuthError('frame_not_found', 'no such frame'), new TypeError('a bug'), 'not even an error'];
  const server = await serve(t, { handle: async (message) => { throw failures[message as number]; } });
  const client = await BareClient.connect(t, server.path);
  client.send(0, 1, 2);
  assert.deepEqual(await client.receive(), { error: 'no such frame', error_code: 'frame_not_found' });
  assert.deepEqual(await client.receive(), { error: 'a bug', error_code: 'internal' });
  assert.deepEqual(await client.receive(), { error: 'not even an error', error_code: 'internal' });
});

test('An answer that cannot be sent becomes an error response', async (t) => {
  const server = await serve(t, { handle: async (message) => message === 'large' ? 'x'.repeat(MAX_MESSAGE_BYTES) : undefined });
  const client = await BareClient.connect(t, server.path);
  client.send('large', 'nothing');
  assert.equal(codeOf(await client.receive()), 'message_too_large');
  assert.equal(codeOf(await client.receive()), 'bad_request');
});

test('A message begun and not finished in time gets an error response, then the connection closes', async (t) => {
  const server = await serve(t, { messageTimeoutMs: 30 });
  const client = await BareClient.connect(t, server.path);
  client.send('whole');
  assert.deepEqual(await client.receive(), { echo: 'whole' });
  client.sendBytes(encodeMessage('never finished').subarray(0, 7));
  assert.equal(codeOf(await client.receive()), 'timeout');
  assert.equal(await client.receive(), null);
  assert.equal(server.counters.slow, 1);
});

test('Bytes that trickle in do not prolong the time for a message', async (t) => {
  const server = await serve(t, { messageTimeoutMs: 60 });
  const client = await BareClient.connect(t, server.path);
  client.sendBytes(Buffer.from([0, 0x10, 0, 0]));
  const trickle = (): void => {
    if (client.socket.destroyed) return;
    client.sendBytes(Buffer.from(' '));
    setImmediate(trickle);
  };
  client.socket.on('error', () => undefined);
  trickle();
  assert.equal(codeOf(await client.receive()), 'timeout');
});

test('A client that never reads its answer is dropped after the time limit', async (t) => {
  const server = await serve(t, { handle: async () => 'x'.repeat(5_000_000), answerTimeoutMs: 30 });
  const client = await BareClient.connect(t, server.path);
  client.send('give me much');
  await until(() => server.counters.unread === 1 && server.connections === 0);
});

test('An idle connection is closed after the idle limit where there is one, but not while its request is handled', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle, idleTimeoutMs: 30 });
  const [idle, busy] = [await BareClient.connect(t, server.path), await BareClient.connect(t, server.path)];
  busy.send('patience');
  assert.equal(await idle.receive(), null);
  slow.release();
  assert.deepEqual(await busy.receive(), { echo: 'patience' });
});

test('A connection over the limit is told so and closed; the others go on', async (t) => {
  const server = await serve(t, { maxConnections: 2 });
  const kept = [await BareClient.connect(t, server.path), await BareClient.connect(t, server.path)];
  for (const client of kept) {
    client.send('in');
    assert.deepEqual(await client.receive(), { echo: 'in' });
  }
  const third = await BareClient.connect(t, server.path);
  third.send('out');
  assert.equal(codeOf(await third.receive()), 'overloaded');
  assert.equal(await third.receive(), null);
  assert.equal(server.counters.refused, 1);
  kept[0]!.send('still in');
  assert.deepEqual(await kept[0]!.receive(), { echo: 'still in' });
});

test('500 idle connections, and 50 that hang in mid-message, leave one active client served', async (t) => {
  const server = await serve(t);
  for (let index = 0; index < 500; index++) await BareClient.connect(t, server.path);
  for (let index = 0; index < 50; index++) (await BareClient.connect(t, server.path)).sendBytes(Buffer.from([0, 0, 4]));
  await using client = new IpcClient(server.path);
  for (let index = 0; index < 200; index++) assert.deepEqual(await client.request(index, { timeoutMs: TIMEOUT_MS }), { echo: index });
  assert.equal(server.connections, 551);
});

test('The signal of a request aborts when its client goes away', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const client = await BareClient.connect(t, server.path);
  client.send('soon gone');
  await slow.begun();
  const signal = slow.signals[0]!;
  const aborted = once(signal, 'abort');
  client.socket.destroy();
  await aborted;
  assert.equal((signal.reason as RuthError).code, 'cancelled');
  slow.release();
  await until(() => server.counters.abandoned === 1);
});

test('A client that shuts down its sending half still gets its answer', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const client = await BareClient.connect(t, server.path);
  client.socket.end(encodeMessage('half'));
  await slow.begun();
  await new Promise((resolve) => setTimeout(resolve, 10)); // the end reaches the server while it is busy
  slow.release();
  assert.deepEqual(await client.receive(), { echo: 'half' });
  assert.equal(await client.receive(), null);
});

test('Closing answers the request in flight, refuses those behind it, and removes the socket', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const [busy, idle] = [await BareClient.connect(t, server.path), await BareClient.connect(t, server.path)];
  busy.send('in flight', 'behind');
  await slow.begun();
  const closed = server.close();
  assert.equal(existsSync(server.path), false);
  assert.equal(await idle.receive(), null);
  slow.release();
  assert.deepEqual(await busy.receive(), { echo: 'in flight' });
  assert.equal(codeOf(await busy.receive()), 'shutting_down');
  assert.equal(await busy.receive(), null);
  await closed;
});

test('Closing cuts off what does not end within the grace', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const client = await BareClient.connect(t, server.path);
  client.send('endless');
  await slow.begun();
  await server.close({ graceMs: 20 });
  assert.equal(await client.receive().catch(() => null), null);
  assert.equal(slow.signals[0]!.aborted, true);
});

test('Each connection has an id of its own, and keeps it', async (t) => {
  const server = await serve(t, { handle: async (_, { connectionId }) => connectionId });
  const clients = [await BareClient.connect(t, server.path), await BareClient.connect(t, server.path)];
  const ids: unknown[] = [];
  for (const client of [...clients, ...clients]) {
    client.send('who am I');
    ids.push(await client.receive());
  }
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(ids.slice(0, 2), ids.slice(2));
});
