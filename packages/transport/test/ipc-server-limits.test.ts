// What a server puts up with: lengths, backlogs, slowness, idleness and numbers of connections have limits, and who keeps within them notices nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MAX_MESSAGE_BYTES } from '@ruth/protocol';
import { encodeMessage, IpcClient } from '../src/index.ts';
import { BareClient, gate, serve, TIMEOUT_MS, until } from './ipc-harness.ts';

const codeOf = (answer: unknown): unknown => (answer as { error_code?: unknown } | null)?.error_code;

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
  const server = await serve(t, { handle: slow.handle, idleTimeoutMs: 500 });
  // The busy one asks well before it has been idle for so long, on a machine that is busy too.
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
