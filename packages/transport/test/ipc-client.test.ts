// A client's requests: each gets its own answer over few kept connections, and ends by its deadline, by being cancelled or with the client.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol';
import { encodeMessage, IpcClient } from '../src/index.ts';
import { gate, scripted, serve, TIMEOUT_MS, until } from './ipc-harness.ts';

const hasCode = (code: string) => (error: unknown): boolean => error instanceof RuthError && error.code === code;
const wait = { timeoutMs: TIMEOUT_MS };

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
  const begunMs = performance.now();
  const ask = (name: string, timeoutMs: number): Promise<{ end: string; afterMs: number }> =>
    client.request(name, { timeoutMs }).then(() => 'answered', (error: RuthError) => error.code).then((end) => ({ end, afterMs: performance.now() - begunMs }));
  const [long, medium, short] = [ask('long', TIMEOUT_MS), ask('medium', 60), ask('short', 20)];
  assert.equal((await short).end, 'timeout');
  // None before its time; how long after it is the machine's.
  const { end, afterMs } = await medium;
  assert.equal(end, 'timeout');
  assert.ok(afterMs >= 59, `timed out after ${afterMs} ms`);
  slow.release();
  assert.equal((await long).end, 'answered');
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
