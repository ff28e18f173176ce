import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol';
import { encodeMessage, IpcClient, MessageDecoder } from '../src/index.ts';
import { freshDirectory, gate, refuse, serve, TIMEOUT_MS, until } from './ipc-harness.ts';

const hasCode = (code: string) => (error: unknown): boolean => error instanceof RuthError && error.code === code;
const wait = { timeoutMs: TIMEOUT_MS };

/** A server that does with each request on each connection what the test says. */
async function scripted(t: TestContext, act: (socket: Socket, connection: number, request: number, message: unknown) => void): Promise<string> {
  const path = join(freshDirectory(t), 's.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    const decoder = new MessageDecoder();
    let requests = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk);
      for (let next = decoder.next(); next.status === 'message'; next = decoder.next()) act(socket, connection, requests++, next.value);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path;
}

test('Requests one after another use one kept connection', async (t) => {
  const server = await serve(t);
  await using client = new IpcClient(server.path);
  for (let index = 0; index < 20; index++) assert.deepEqual(await client.request(index, wait), { echo: index });
  assert.equal(server.counters.accepted, 1);
});

test('Requests at once share the pool: each gets its own answer, and no more connections than allowed are opened', async (t) => {
  const server = await serve(t);
  await using client = new IpcClient(server.path, { maxConnections: 3 });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => client.request(index, wait)));
  assert.deepEqual(answers, Array.from({ length: 60 }, (_, index) => ({ echo: index })));
  assert.equal(server.counters.accepted, 3);
});

test('The connection used last is used first', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: async (message, context) => { if (message === 'slow') await slow.handle(message, context); return context.connectionId; } });
  await using client = new IpcClient(server.path);
  const first = client.request('slow', wait);
  await slow.begun();
  const second = await client.request('quick', wait);
  slow.release();
  await first;
  assert.equal(await client.request('quick', wait), await first);
  assert.notEqual(await first, second);
});

test('An answer that carries an error is an answer', async (t) => {
  const server = await serve(t, { handle: async () => { throw new RuthError('overloaded', 'not now'); } });
  await using client = new IpcClient(server.path);
  assert.deepEqual(await client.request('x', wait), { error: 'not now', error_code: 'overloaded' });
});

test('A large message and a large answer pass', async (t) => {
  const server = await serve(t);
  await using client = new IpcClient(server.path);
  const message = 'ö'.repeat(2_000_000);
  assert.deepEqual(await client.request(message, wait), { echo: message });
});

test('A message over the limit is refused before it is sent', async (t) => {
  const server = await serve(t);
  await using client = new IpcClient(server.path);
  await assert.rejects(client.request('x'.repeat(MAX_MESSAGE_BYTES), wait), hasCode('message_too_large'));
  assert.equal(server.counters.accepted, 0);
});

test('Where nobody listens, a request is unreachable', async (t) => {
  await using client = new IpcClient(join(freshDirectory(t), 'nobody.sock'));
  await assert.rejects(client.request('x', wait), hasCode('unreachable'));
});

test('A server that closes without an answer makes the request unreachable, and the next request may succeed', async (t) => {
  const path = await scripted(t, (socket, connection) => connection === 0 ? socket.destroy() : socket.write(encodeMessage('well')));
  await using client = new IpcClient(path);
  await assert.rejects(client.request('x', wait), hasCode('unreachable'));
  assert.equal(await client.request('x', wait), 'well');
});

test('A late answer times out, and is never taken for the answer of another request', async (t) => {
  let late: (() => void) | undefined;
  const path = await scripted(t, (socket, _, __, message) => {
    const answer = (): void => void socket.write(encodeMessage({ for: message }));
    if (message === 'slow') late = answer;
    else answer();
  });
  await using client = new IpcClient(path, { maxConnections: 1 });
  await assert.rejects(client.request('slow', { timeoutMs: 20 }), hasCode('timeout'));
  const next = client.request('next', wait);
  late!();
  assert.deepEqual(await next, { for: 'next' });
});

test('Each request has its own deadline, whichever was asked first', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  await using client = new IpcClient(server.path);
  const ends: string[] = [];
  const ask = (name: string, timeoutMs: number): Promise<void> =>
    client.request(name, { timeoutMs }).then(() => void ends.push(`${name} answered`), (error: RuthError) => void ends.push(`${name} ${error.code}`));
  const asked = [ask('long', TIMEOUT_MS), ask('medium', 60), ask('short', 20)];
  await Promise.all(asked.slice(1));
  slow.release();
  await asked[0];
  assert.deepEqual(ends, ['short timeout', 'medium timeout', 'long answered']);
});

test('A cancelled request ends at once, the server is told, and the pool goes on', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: async (message, context) => message === 'slow' ? slow.handle(message, context) : message });
  await using client = new IpcClient(server.path, { maxConnections: 1 });
  const stop = new AbortController();
  const request = client.request('slow', { ...wait, signal: stop.signal });
  await slow.begun();
  const told = once(slow.signals[0]!, 'abort');
  stop.abort();
  await assert.rejects(request, hasCode('cancelled'));
  await told;
  assert.equal(await client.request('quick', wait), 'quick');
  await assert.rejects(client.request('x', { ...wait, signal: stop.signal }), hasCode('cancelled'));
});

test('Requests wait for a connection, can be cancelled or time out there, and more than the limit are overloaded', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  await using client = new IpcClient(server.path, { maxConnections: 1, maxWaiting: 3 });
  const stop = new AbortController();
  const inFlight = client.request('in flight', wait);
  const waiting = client.request('waiting', wait);
  const impatient = client.request('impatient', { timeoutMs: 20 });
  const cancelled = client.request('cancelled', { ...wait, signal: stop.signal });
  await assert.rejects(client.request('one too many', wait), hasCode('overloaded'));
  stop.abort();
  await assert.rejects(cancelled, hasCode('cancelled'));
  await assert.rejects(impatient, hasCode('timeout'));
  await slow.begun();
  slow.release();
  assert.deepEqual(await inFlight, { echo: 'in flight' });
  assert.deepEqual(await waiting, { echo: 'waiting' });
  assert.equal(server.counters.requests, 2);
});

test('A kept connection that a restarted server closed is replaced without the caller noticing', async (t) => {
  const first = await serve(t);
  await using client = new IpcClient(first.path);
  for (let round = 0; round < 5; round++) {
    const server = round === 0 ? first : await serve(t, {}, first.path);
    assert.deepEqual(await client.request(round, wait), { echo: round });
    await server.close();
  }
});

test('A request that crosses the end of its kept connection is sent once more, on a fresh one', async (t) => {
  const served: unknown[] = [];
  const path = await scripted(t, (socket, connection, _, message) => {
    served.push(message);
    socket.write(encodeMessage(connection));
    // Closed in the same breath as the answer: the client has no time to hear of it before it asks again.
    if (connection === 0) {
      socket.pause();
      setImmediate(() => socket.destroy());
    }
  });
  await using client = new IpcClient(path, { maxConnections: 1 });
  assert.equal(await client.request('first', wait), 0);
  assert.equal(await client.request('second', wait), 1);
  assert.deepEqual(served, ['first', 'second']);
});

test('A request on a kept connection that ends without a byte of the answer is sent once more, and only once', async (t) => {
  const served: unknown[] = [];
  const path = await scripted(t, (socket, connection, request, message) => {
    served.push(message);
    if (request === 0 && connection !== 2) socket.write(encodeMessage(connection));
    else socket.destroy();
  });
  await using client = new IpcClient(path, { maxConnections: 1 });
  assert.equal(await client.request('first', wait), 0);
  assert.equal(await client.request('second', wait), 1);
  await assert.rejects(client.request('deadly', wait), hasCode('unreachable'));
  assert.deepEqual(served, ['first', 'second', 'second', 'deadly', 'deadly']);
});

test('A request on a fresh connection is not sent again', async (t) => {
  const served: unknown[] = [];
  const path = await scripted(t, (socket, _, __, message) => {
    served.push(message);
    socket.destroy();
  });
  await using client = new IpcClient(path);
  await assert.rejects(client.request('deadly', wait), hasCode('unreachable'));
  assert.deepEqual(served, ['deadly']);
});

test('A request whose answer broke off is not sent again', async (t) => {
  const served: unknown[] = [];
  const path = await scripted(t, (socket, _, request, message) => {
    served.push(message);
    const answer = encodeMessage('a whole answer');
    socket.write(request === 0 ? answer : answer.subarray(0, 9), () => { if (request > 0) socket.destroy(); });
  });
  await using client = new IpcClient(path, { maxConnections: 1 });
  await client.request('first', wait);
  await assert.rejects(client.request('second', wait), hasCode('unreachable'));
  assert.deepEqual(served, ['first', 'second']);
});

test('What a server sends without being asked is never taken for an answer', async (t) => {
  const sockets = new Set<Socket>();
  const path = await scripted(t, (socket, _, __, message) => {
    sockets.add(socket);
    socket.write(encodeMessage({ for: message }));
  });
  await using client = new IpcClient(path, { maxConnections: 1 });
  await client.request('first', wait);
  const [socket] = sockets;
  const dropped = once(socket!, 'close');
  socket!.write(encodeMessage({ for: 'nobody' }));
  await dropped;
  assert.deepEqual(await client.request('second', wait), { for: 'second' });
});

test('A server that answers nonsense is unreachable, with the cause in the message', async (t) => {
  const nonsense = [Buffer.from([0, 0, 0, 0]), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.from('\0\0\0\x04nope'), Buffer.concat([encodeMessage(1), encodeMessage(2)])];
  const path = await scripted(t, (socket, connection) => socket.write(nonsense[connection]!));
  await using client = new IpcClient(path);
  for (const expected of [/0 bytes/, /4294967295 bytes/, /not JSON/, /more than one answer/]) {
    await assert.rejects(client.request('x', wait), (error) => hasCode('unreachable')(error) && expected.test((error as Error).message));
  }
});

test('Closing the client ends what is under way and what waits, and opens nothing more', async (t) => {
  const slow = gate();
  const server = await serve(t, { handle: slow.handle });
  const client = new IpcClient(server.path, { maxConnections: 1 });
  const requests = ['in flight', 'waiting'].map((message) => client.request(message, wait));
  await slow.begun();
  const closed = client.close();
  for (const request of requests) await assert.rejects(request, hasCode('cancelled'));
  await closed;
  await assert.rejects(client.request('after', wait), hasCode('cancelled'));
  await until(() => server.connections === 0);
  assert.equal(server.counters.accepted, 1);
});

test('A server that is killed and one that refuses leave no request hanging', async (t) => {
  const server = await serve(t, { handle: () => new Promise(() => undefined), refuse });
  await using client = new IpcClient(server.path, { maxConnections: 2 });
  const requests = Promise.allSettled(Array.from({ length: 6 }, (_, index) => client.request(index, wait)));
  await until(() => server.counters.requests === 2);
  await server.close({ graceMs: 0 });
  for (const result of await requests) assert.ok(result.status === 'rejected' && hasCode('unreachable')(result.reason));
});
