// What a server answers: in order on each connection, side by side on many, and with an error where there is nothing better; and how it ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol';
import { encodeMessage } from '../src/index.ts';
import { BareClient, gate, serve, until } from './ipc-harness.ts';

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
