import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { IpcClient } from '@ruth/transport';
import type { HealthResponse, InferResponse } from '@ruth/protocol';
import { loadModel, serveModel, type ModelContainer } from '../src/index.ts';
import { freshFolder, modelFolder, publishGrey, serveProbe, startProcess, TIMEOUT_MS } from './harness.ts';

const drain = { limitMs: TIMEOUT_MS };

/** `npm run -s chaos -- models` does it more often. */
const HANDOVERS = 6;

test('Through handovers from container to container 8 clients lose no request, and each answer is that of its request', async (t) => {
  const { container, ring: newRing, request, ringDirectory } = await serveProbe(t, { sessions: 2 });
  const model = await loadModel(modelFolder(t));
  const ring = newRing({ width: 256, height: 256, slotCount: 8 });
  for (let index = 0; index < 8; index++) publishGrey(ring, index * 20);
  let over = false;
  let asked = 0;
  const clients = Array.from({ length: 8 }, async (_, index) => {
    await using kept = new IpcClient(container.socketPath);
    // The region decides where the person is: no two clients ask for the same.
    const left = index / 16;
    for (; !over; asked++) {
      const asking = { ...request(ring, index, { roi: [left, 0, left + 0.5, 0.5] }), camera_id: `cam_${index}` };
      await using own = new IpcClient(container.socketPath);
      const answer = await (index % 2 === 0 ? kept : own).request(asking, { timeoutMs: TIMEOUT_MS }) as InferResponse;
      // Eight that never pause are too many for one session: that is said, and nothing of it is lost.
      if (answer.error_code === 'overloaded') continue;
      assert.equal(answer.error, null);
      assert.deepEqual([answer.camera_id, answer.frame_id, answer.detections[0]?.bbox], [`cam_${index}`, index, [left + 16 / 256, 32 / 256, left + 48 / 256, 96 / 256]]);
    }
  });
  let serving: ModelContainer = container;
  const drained: Promise<boolean>[] = [];
  for (let round = 0; round < HANDOVERS; round++) {
    const successor = await serveModel(model, { ringDirectory, socketDirectory: dirname(container.socketPath), sessions: 1, takeOver: true });
    t.after(() => successor.close());
    drained.push(serving.drain(drain));
    serving = successor;
  }
  assert.deepEqual(new Set(await Promise.all(drained)), new Set([true]));
  over = true;
  await Promise.all(clients);
  assert.ok(asked > 8 * HANDOVERS, `${asked} requests`);
  await serving.close();
  assert.deepEqual(readdirSync(dirname(container.socketPath)), []);
});

test('A model that cannot be served takes no socket over', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t);
  const model = await loadModel(modelFolder(t));
  await assert.rejects(serveModel({ ...model, weightsPath: '/nowhere.onnx' }, { socketDirectory: dirname(container.socketPath), sessions: 1, takeOver: true }), { code: 'model_invalid' });
  const ring = newRing();
  assert.equal((await ask(request(ring, publishGrey(ring, 0)))).error, null);
});

test('The process takes over from another and, told to drain by its supervisor, ends with 0; the socket stays', async (t) => {
  const folder = modelFolder(t);
  const socketDirectory = freshFolder(t);
  const first = startProcess(t, folder, { socketDirectory });
  const { details: { socket } } = await first.message as { details: { socket: string } };
  const second = startProcess(t, folder, { socketDirectory, takeOver: true });
  assert.equal((await second.message).type, 'ready');
  await using client = new IpcClient(socket);
  const { counters } = await client.request({ type: 'health' }, { timeoutMs: TIMEOUT_MS }) as HealthResponse;
  assert.equal(counters.requests, 0);
  first.child.send({ type: 'drain' });
  assert.deepEqual(await first.exit, [0, null]);
  const { status } = await client.request({ type: 'health' }, { timeoutMs: TIMEOUT_MS }) as HealthResponse;
  assert.equal(status, 'ready');
  second.child.kill('SIGTERM');
  assert.deepEqual(await second.exit, [0, null]);
  assert.deepEqual(readdirSync(socketDirectory), []);
});
