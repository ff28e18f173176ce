// What a client makes of servers that are away, end, begin anew or answer nonsense: what may be asked again is, once, and nothing hangs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { encodeMessage, IpcClient } from '../src/index.ts';
import { freshDirectory, refuse, scripted, serve, TIMEOUT_MS, until } from './ipc-harness.ts';

const hasCode = (code: string) => (error: unknown): boolean => error instanceof RuthError && error.code === code;
const wait = { timeoutMs: TIMEOUT_MS };

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

test('A server that is killed and one that refuses leave no request hanging', async (t) => {
  const server = await serve(t, { handle: () => new Promise(() => undefined), refuse });
  await using client = new IpcClient(server.path, { maxConnections: 2 });
  const requests = Promise.allSettled(Array.from({ length: 6 }, (_, index) => client.request(index, wait)));
  await until(() => server.counters.requests === 2);
  await server.close({ graceMs: 0 });
  for (const result of await requests) assert.ok(result.status === 'rejected' && hasCode('unreachable')(result.reason));
});
