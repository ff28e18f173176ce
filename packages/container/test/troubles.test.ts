import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import type { HealthResponse, InferResponse } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import { freshFolder, modelFolder, probeModel, publishGrey, serveProbe, startProcess, TIMEOUT_MS, until } from './harness.ts';

/** Matrices of 2000 and 6000 rows: tenths of a second, and well over half a second where two cores do 250 thousand million operations in it. */
const BUSY = 2000;
const HUNG = 6000;

test('With the queue full, one more is told at once; those that wait are all answered', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { slow: BUSY, queueLimit: 2 });
  const ring = newRing();
  const white = publishGrey(ring, 255);
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask(request(ring, white))));
  assert.deepEqual(answers.map((answer) => answer.error_code ?? 'answered').sort(), ['answered', 'answered', 'answered', 'overloaded']);
  assert.equal(container.health().counters.failed_overloaded, 1);
});

test('A request that waits past its deadline is answered so, without being looked at', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { slow: BUSY });
  const ring = newRing();
  const [black, white] = [publishGrey(ring, 0), publishGrey(ring, 255)];
  const running = ask(request(ring, white));
  await until(() => container.health().counters.running === 1);
  const late = await ask(request(ring, black, { deadline_ms: 1 }));
  assert.equal(late.error_code, 'deadline_exceeded');
  assert.equal(container.health().counters.running, 1);
  assert.equal((await running).error, null);
});

test('A request whose client went away leaves the queue', async (t) => {
  const { container, ask, client, ring: newRing, request } = await serveProbe(t, { slow: BUSY });
  const ring = newRing();
  const [black, white] = [publishGrey(ring, 0), publishGrey(ring, 255)];
  const running = ask(request(ring, white));
  await until(() => container.health().counters.running === 1);
  const gone = new AbortController();
  const abandoned = client.request(request(ring, black), { timeoutMs: 60_000, signal: gone.signal });
  await until(() => container.health().counters.queued === 1);
  gone.abort();
  await assert.rejects(abandoned);
  await until(() => container.health().counters.queued === 0);
  assert.equal((await running).error, null);
});

test('A session that hangs for ever is replaced: its request is answered, the next one works, and a successor is asked for', async (t) => {
  const recycled = Promise.withResolvers<string>();
  const folder = modelFolder(t, { weights: probeModel({ hanging: true }) });
  const [socketDirectory, ringDirectory] = [freshFolder(t), freshFolder(t, '/dev/shm')];
  // In a process of its own: a thread that hangs in native code ends with nothing less.
  const process = startProcess(t, folder, { socketDirectory, ringDirectory });
  const { details: { socket } } = await process.message as { details: { socket: string } };
  process.child.on('message', (message: { type: string; reason: string }) => { if (message.type === 'recycle') recycled.resolve(message.reason); });
  await using client = new IpcClient(socket);
  const ring = RingWriter.create({ cameraId: 'cam', width: 64, height: 64, format: 'NV12', slotCount: 4, ringDirectory });
  t.after(() => ring.close());
  const ask = async (frameId: number): Promise<InferResponse> => await client.request({
    frame_reference: ring.path, frame_metadata: { frame_id: frameId }, camera_id: 'cam', model_id: 'probe',
  }, { timeoutMs: TIMEOUT_MS }) as InferResponse;
  const [black, white] = [publishGrey(ring, 0), publishGrey(ring, 255)];
  const hung = await ask(white);
  assert.equal(hung.error_code, 'inference_failed');
  assert.match(hung.error ?? '', /no answer within \d+ ms/);
  assert.equal((await ask(black)).error, null);
  assert.match(await recycled.promise, /hangs/);
  assert.equal((await ask(black)).error, null);
  const { counters } = await client.request({ type: 'health' }, { timeoutMs: TIMEOUT_MS }) as HealthResponse;
  assert.equal(counters.sessions_replaced, 1);
  process.child.send({ type: 'drain' });
  assert.deepEqual(await process.exit, [null, 'SIGKILL']);
});

test('After a hang the container is not ready until a canary has succeeded', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { slow: HUNG, inferenceLimitMs: 500, canaryIntervalMs: 1000 });
  const ring = newRing();
  const hung = await ask(request(ring, publishGrey(ring, 255)));
  assert.match(hung.error ?? '', /500 ms/);
  assert.equal(container.health().status, 'degraded');
  await until(() => container.health().status === 'ready');
  assert.ok(container.health().counters.sessions_replaced! >= 1, 'a canary on a busy machine may be late, too');
});

test('A failed inference is an error and makes the container degraded, until a canary succeeds', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { brittle: true, canaryIntervalMs: 50 });
  const ring = newRing();
  const failed = await ask(request(ring, publishGrey(ring, 255)));
  assert.equal(failed.error_code, 'inference_failed');
  assert.match(failed.error ?? '', /ONNX Runtime/);
  await until(() => container.health().status === 'ready');
  assert.ok((container.health().counters.canaries ?? 0) > 0);
});

test('A frame that is not there says nothing of the model: the container stays ready', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  assert.equal((await ask(request(ring, 3))).error_code, 'frame_not_found');
  assert.equal(container.health().status, 'ready');
});

test('In quiet times a canary shows that the model still works', async (t) => {
  const { container } = await serveProbe(t, { canaryIntervalMs: 20 });
  await until(() => (container.health().counters.canaries ?? 0) >= 3);
  await until(() => container.health().status === 'ready');
  assert.equal(container.health().counters.canary_failures, 0);
});

test('Stopping answers what runs, refuses what waits, and removes the socket', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { slow: BUSY });
  const ring = newRing();
  const [black, white] = [publishGrey(ring, 0), publishGrey(ring, 255)];
  const running = ask(request(ring, white));
  await until(() => container.health().counters.running === 1);
  const waiting = ask(request(ring, black));
  await until(() => container.health().counters.queued === 1);
  const closed = container.close({ graceMs: 60_000 });
  assert.equal(container.health().status, 'stopping');
  assert.equal((await waiting).error_code, 'shutting_down');
  assert.equal((await running).error, null);
  await closed;
  assert.ok(!existsSync(container.socketPath));
});

test('500 idle connections cost the next client nothing', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  const idle = Array.from({ length: 500 }, () => connect(container.socketPath));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  t.after(() => { for (const socket of idle) socket.destroy(); });
  await until(() => container.health().counters.connections === 500);
  assert.equal((await ask(request(ring, publishGrey(ring, 0)))).error, null);
});
