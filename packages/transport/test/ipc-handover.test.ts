import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { encodeMessage, IpcClient, IpcServer } from '../src/index.ts';
import { BareClient, freshDirectory, gate, refuse, serve, TIMEOUT_MS } from './ipc-harness.ts';

const wait = { timeoutMs: TIMEOUT_MS };
const drain = { limitMs: TIMEOUT_MS };

test('Through 20 handovers 8 clients that ask all the time lose no request, and get the answers to theirs', async (t) => {
  const path = join(freshDirectory(t), 's.sock');
  const answering = (server: number) => async (message: unknown): Promise<unknown> => {
    await new Promise((resolve) => setImmediate(resolve));
    return { echo: message, server };
  };
  let serving = await serve(t, { handle: answering(0) }, path);
  let over = false;
  const served = new Set<number>();
  const clients = Array.from({ length: 8 }, async (_, index) => {
    // Half of them keep their connections, half connect for each request.
    await using kept = new IpcClient(path);
    for (let turn = 0; !over; turn++) {
      const message = `${index} ${turn}`;
      await using own = new IpcClient(path);
      const answer = await (index % 2 === 0 ? kept : own).request(message, wait) as { echo: unknown; server: number };
      assert.equal(answer.echo, message);
      served.add(answer.server);
    }
  });
  const drained: Promise<void>[] = [];
  for (let round = 1; round <= 20; round++) {
    const successor = await serve(t, { handle: answering(round), takeOver: true }, path);
    drained.push(serving.drain(drain));
    serving = successor;
    while (!served.has(round)) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(drained);
  over = true;
  await Promise.all(clients);
  assert.equal(served.size, 21);
  assert.ok(serving.isReachable);
  await serving.close();
  assert.deepEqual(readdirSync(dirname(path)), []);
});

test('The successor\'s socket stands at the path at every instant, with mode 0600, and is not removed by its predecessor', async (t) => {
  const first = await serve(t);
  const second = await serve(t, { takeOver: true }, first.path);
  assert.equal(statSync(first.path).mode & 0o777, 0o600);
  assert.deepEqual([first.isReachable, second.isReachable], [false, true]);
  await first.drain(drain);
  await using client = new IpcClient(second.path);
  assert.deepEqual(await client.request('x', wait), { echo: 'x' });
  await first.close();
  assert.ok(existsSync(second.path));
});

test('Draining answers what is in flight and what waits on its connection, then closes it', async (t) => {
  const slow = gate();
  const first = await serve(t, { handle: slow.handle });
  const client = await BareClient.connect(t, first.path);
  client.send('in flight', 'behind it');
  await slow.begun();
  await serve(t, { takeOver: true }, first.path);
  const drained = first.drain(drain);
  slow.release();
  assert.deepEqual(await client.receive(), { echo: 'in flight' });
  assert.deepEqual(await client.receive(), { echo: 'behind it' });
  assert.equal(await client.receive(), null);
  await drained;
});

test('Draining waits for a message that has begun, and for the first one of a client that has just come', async (t) => {
  const first = await serve(t);
  const begun = await BareClient.connect(t, first.path);
  const fresh = await BareClient.connect(t, first.path);
  const bytes = encodeMessage('begun');
  begun.sendBytes(bytes.subarray(0, 5));
  while (first.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  await serve(t, { takeOver: true }, first.path);
  const drained = first.drain(drain);
  await new Promise((resolve) => setImmediate(resolve));
  begun.sendBytes(bytes.subarray(5));
  fresh.send('fresh');
  for (const [client, echo] of [[begun, 'begun'], [fresh, 'fresh']] as const) {
    assert.deepEqual(await client.receive(), { echo });
    assert.equal(await client.receive(), null);
  }
  await drained;
});

test('Draining closes idle connections at once, those too that never ask', async (t) => {
  const first = await serve(t);
  const kept = await BareClient.connect(t, first.path);
  kept.send('x');
  await kept.receive();
  const silent = await BareClient.connect(t, first.path);
  await serve(t, { takeOver: true }, first.path);
  const drained = first.drain(drain);
  assert.equal(await kept.receive(), null);
  assert.equal(await silent.receive(), null);
  await drained;
});

test('Draining ends within its limit, and at once where it is told to', async (t) => {
  for (const cut of [{ limitMs: 1 }, { limitMs: TIMEOUT_MS, signal: AbortSignal.abort() }]) {
    const first = await serve(t, { handle: () => new Promise(() => undefined) });
    const client = await BareClient.connect(t, first.path);
    client.send('never answered');
    while (first.counters.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    await serve(t, { takeOver: true }, first.path);
    await first.drain(cut);
    assert.equal(await client.receive(), null);
  }
});

test('What is no socket is not taken over, and a name that a killed process left is removed', async (t) => {
  const directory = freshDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  await assert.rejects(IpcServer.listen(file, { handle: async () => null, refuse, takeOver: true }), (error) => error instanceof RuthError && error.code === 'socket_in_use');
  const path = join(directory, 's.sock');
  const killed = createServer();
  killed.listen(join(directory, '.s.sock.1-1'));
  await once(killed, 'listening');
  const left = join(directory, '.s.sock.1-2');
  writeFileSync(left, '');
  const server = await serve(t, {}, path);
  assert.deepEqual(readdirSync(directory).sort(), ['.s.sock.1-1', 'file', 's.sock'], 'a live one stays');
  killed.close();
  await server.close();
});
