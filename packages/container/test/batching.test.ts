import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError, type InferResponse } from '@ruth/protocol';
import { loadModel, serveModel } from '../src/index.ts';
import { Batching, type Batchable } from '../src/pool/batching.ts';
import { hangLimitMs } from '../src/pool/hang-limit.ts';
import { freshFolder, MANIFEST, modelFolder, publishGrey, serveProbe } from './harness.ts';
import { oipServer } from './oip-server.ts';
import { onnxFile } from './onnx-writer.ts';

const waiting = (source: string, queuedAt = 0, deadlineAt = Infinity): Batchable => ({ source, queuedAt, deadlineAt });

test('Cameras take turns: one that asks much is looked at once before any is looked at twice', () => {
  const batching = new Batching({ most: 3, delayMs: 10 });
  const [first, again, more, other, third] = [waiting('a', 0), waiting('a', 1), waiting('a', 2), waiting('b', 3), waiting('c', 4)];
  assert.deepEqual(batching.next([first, again, more, other, third], 5, 0), { batches: [[first, other, third]] });
  assert.deepEqual(batching.next([first, again, other], 5, 0), { batches: [[first, other, again]] });
});

test('Where several sessions are free what waits is shared out evenly to them', () => {
  const [a, b, c, d, e] = [waiting('a'), waiting('b'), waiting('c'), waiting('d'), waiting('e')];
  const batching = new Batching({ most: 4, delayMs: 10 });
  assert.deepEqual(batching.next([a, b, c, d], 1, 0, 2), { batches: [[a, b], [c, d]] });
  assert.deepEqual(batching.next([a, b, c, d, e], 1, 0, 2), { batches: [[a, b, c], [d, e]] });
  assert.deepEqual(batching.next([a], 10, 0, 2), { batches: [[a]] });
  assert.deepEqual(new Batching({ most: 1, delayMs: 0 }).next([a, b, c], 1, 0, 2), { batches: [[a], [b]] });
});

test('A batch that is not full waits as long as its first may, and for no more than half of the time that each can spare', () => {
  const batching = new Batching({ most: 4, delayMs: 10 });
  assert.deepEqual(batching.next([], 0, 0), { batches: [] });
  assert.deepEqual(batching.next([waiting('a', 0), waiting('b', 4)], 4, 20), { waitMs: 6 });
  assert.deepEqual(batching.next([waiting('a', 0), waiting('b', 4, 28)], 4, 20), { waitMs: 2 });
  const late = [waiting('a', 0), waiting('b', 4, 28)];
  assert.deepEqual(batching.next(late, 6, 20), { batches: [late] });
  assert.deepEqual(new Batching({ most: 4, delayMs: 0 }).next(late, 4, 20), { batches: [late] });
});

test('A hang is seen within five seconds, in a batch too; only a model that is slow is given longer', () => {
  assert.deepEqual([hangLimitMs(10), hangLimitMs(100, 8), hangLimitMs(500), hangLimitMs(500, 8)], [4000, 4000, 10_000, 20_000]);
});

/** Its one row is as sure as the picture is bright. `slow`: multiplies matrices of so many rows times the brightness. */
function brightnessModel(pictures: number | string = 'N', { perPicture = true, slow = 0 } = {}): Buffer {
  return onnxFile({
    inputs: [{ name: 'image', type: 'float32', dims: [pictures, 3, 64, 64] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { axes: perPicture ? [1, 2, 3] : [0, 1, 2, 3], keepdims: 1 } },
      { op: 'Reshape', inputs: ['brightness', 'shape'], output: 'cells' }, { op: 'Mul', inputs: ['cells', 'ofScore'], output: 'scores' },
      { op: 'ReduceMean', inputs: ['image'], output: 'overall', attributes: { keepdims: 0 } }, { op: 'Mul', inputs: ['overall', 'slow'], output: 'scaled' },
      { op: 'Cast', inputs: ['scaled'], output: 'whole', attributes: { to: 7 } }, { op: 'Add', inputs: ['whole', 'one'], output: 'size' },
      { op: 'Concat', inputs: ['size', 'size'], output: 'square', attributes: { axis: 0 } }, { op: 'ConstantOfShape', inputs: ['square'], output: 'matrix' },
      { op: 'MatMul', inputs: ['matrix', 'matrix'], output: 'product' }, { op: 'ReduceMean', inputs: ['product'], output: 'nothing', attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['scores', 'nothing'], output: 'slowly' }, { op: 'Add', inputs: ['slowly', 'box'], output: 'rows' },
    ],
    constants: { shape: BigInt64Array.of(-1n, 1n, 1n), one: BigInt64Array.of(1n), slow: Float32Array.of(slow), ofScore: Float32Array.of(0, 0, 0, 0, 1, 0), box: Float32Array.of(8, 16, 24, 48, 0, 0) },
    constantDims: { ofScore: [1, 1, 6], box: [1, 1, 6] },
    outputs: [{ name: 'rows', type: 'float32', dims: [pictures, 1, 6] }],
  });
}

const TOGETHER = `${MANIFEST}resource_requirements: { device: cpu, max_batch: 4, max_batch_delay_ms: 1000 }\n`;

test('Frames of several cameras are looked at in one inference, each answered as if it were alone; one that is gone costs the others nothing', async (t) => {
  const { container, client, ring, request } = await serveProbe(t, { weights: brightnessModel(), manifest: TOGETHER });
  const ask = async (camera: string, brightness: number, frameId?: number): Promise<InferResponse> => {
    const frames = ring({ cameraId: camera });
    const published = publishGrey(frames, brightness);
    return client.request(request(frames, frameId ?? published), { timeoutMs: 60_000 }) as Promise<InferResponse>;
  };
  const answers = await Promise.all([ask('a', 255), ask('b', 102), ask('c', 204), ask('d', 153, 7)]);
  assert.deepEqual(answers.map(({ error_code }) => error_code), [undefined, undefined, undefined, 'frame_not_found']);
  const sure = answers.map(({ detections: [first] }) => Math.round((first?.confidence ?? NaN) * 100) / 100);
  assert.deepEqual(sure, [1, 0.4, 0.8, NaN]);
  assert.deepEqual(answers.slice(0, 3).map(({ metadata }) => metadata.batch_size), [3, 3, 3]);
  // Nobody else comes: it waits no longer than it may.
  const alone = await ask('e', 255);
  assert.equal(alone.metadata.batch_size, 1);
  assert.equal(Math.round(alone.detections[0]!.confidence * 100) / 100, 1);
  // A deadline that is nearer than the wait is kept, with room for a machine that is busy.
  const soon = ring({ cameraId: 'f' });
  const hasty = await client.request(request(soon, publishGrey(soon, 255), { deadline_ms: 900 }), { timeoutMs: 60_000 }) as InferResponse;
  assert.equal(hasty.error, null);
  const { limits } = await client.request({ type: 'describe' }, { timeoutMs: 60_000 }) as { limits: object };
  assert.deepEqual(limits, { max_concurrency: 1, max_batch: 4 });
  assert.equal(container.sessions, 1);
});

test('Frames of several cameras go to a server elsewhere in one call, with the time that the last of them has', async (t) => {
  const server = await oipServer(t, brightnessModel());
  const manifest = TOGETHER.replace(/model_type: onnx\nmodel_weights: .*\n/, `model_type: remote\nremote: { url: '${server.grpc}', model: detector, timeout_ms: 30000 }\n`);
  const { client, ring, request } = await serveProbe(t, { manifest });
  server.asked.length = 0;
  const answers = await Promise.all([['a', 255], ['b', 102], ['c', 204], ['d', 153]].map(([cameraId, brightness]) => {
    const frames = ring({ cameraId: String(cameraId) });
    return client.request(request(frames, publishGrey(frames, Number(brightness)), { deadline_ms: 20_000 }), { timeoutMs: 60_000 }) as Promise<InferResponse>;
  }));
  assert.deepEqual(answers.map(({ detections: [first], metadata }) => [Math.round(first!.confidence * 100) / 100, metadata.batch_size]), [[1, 4], [0.4, 4], [0.8, 4], [0.6, 4]]);
  const [call, ...others] = server.asked.filter(({ shape }) => shape[0]! > 1);
  assert.deepEqual([call!.shape, others.length], [[4, 3, 64, 64], 0]);
  assert.ok(call!.waitMs > 5000 && call!.waitMs < 20_000, `the server was told ${call!.waitMs} ms`);
  const fixed = await oipServer(t, brightnessModel(1));
  await assert.rejects(serveProbe(t, { manifest: manifest.replace(server.grpc, fixed.grpc) }), /input image takes 1 picture at a time/);
});

test('A model that cannot look at several pictures is refused where its manifest asks for that', async (t) => {
  const refused = async (weights: Buffer, why: RegExp): Promise<void> => {
    const model = await loadModel(modelFolder(t, { weights, manifest: TOGETHER }));
    await assert.rejects(serveModel(model, { socketDirectory: freshFolder(t), sessions: 1 }), (error) => error instanceof RuthError && error.code === 'model_invalid' && why.test(error.message));
  };
  await refused(brightnessModel(1), /input image takes 1 picture at a time \(\[1, 3, 64, 64\]\); export the model with a dynamic batch dimension/);
  await refused(brightnessModel('N', { perPicture: false }), /output rows of two pictures is \[1, 1, 6\]; its first dimension must be the picture/);
});

test('A batch that takes too long is a hang as one picture is: each of its requests is answered so, and the session is replaced', async (t) => {
  const { container, client, ring, request } = await serveProbe(t, { weights: brightnessModel('N', { slow: 6000 }), manifest: TOGETHER, inferenceLimitMs: 500 });
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((cameraId) => {
    const frames = ring({ cameraId });
    return client.request(request(frames, publishGrey(frames, 255)), { timeoutMs: 60_000 }) as Promise<InferResponse>;
  }));
  assert.deepEqual(answers.map(({ error_code, error }) => [error_code, error]), answers.map(() => ['inference_failed', 'the model gave no answer within 500 ms']));
  assert.equal(container.health().counters.sessions_replaced, 1);
});
