import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DescribeResponse, validator, type ErrorCode } from '@ruth/protocol';
import { IpcClient } from '@ruth/transport';
import { loadModel, serveModel } from '../src/index.ts';
import { freshFolder, MANIFEST, modelFolder, probeModel, startProcess } from './harness.ts';

const fails = (code: ErrorCode, ...texts: RegExp[]) => (error: Error & { code?: string }): boolean => {
  assert.equal(error.code, code, error.message);
  for (const text of texts) assert.match(error.message, text);
  return true;
};

test('A manifest with a typo is refused: file, line, key, and what would be right', async (t) => {
  const folder = modelFolder(t, { manifest: MANIFEST.replace('model_weights', 'model_weigths') });
  await assert.rejects(loadModel(folder), fails('invalid_manifest', /model\.yaml:6/, /model_weigths/, /did you mean model_weights/));
  await assert.rejects(loadModel(freshFolder(t)), fails('invalid_manifest', /model\.yaml cannot be read/));
});

test('Weights that are no ONNX model are refused with what they begin with', async (t) => {
  await assert.rejects(loadModel(modelFolder(t, { weights: Buffer.from('<html>Not found</html>') })), fails('model_invalid', /probe\.onnx is not an ONNX model \(begins with "<html>Not fo"\)/));
  await assert.rejects(loadModel(modelFolder(t, { weights: Buffer.from([0x50, 0x4b, 3, 4, 0, 0]) })), fails('model_invalid', /begins with bytes 504b03/));
  await assert.rejects(loadModel(modelFolder(t, { weights: Buffer.alloc(0) })), fails('model_invalid', /is empty/));
  await assert.rejects(loadModel(modelFolder(t, { weights: Buffer.from([8, 8]) })), fails('model_invalid', /holds no graph/));
});

test('Weights that were cut short are refused with both sizes', async (t) => {
  const whole = probeModel();
  await assert.rejects(loadModel(modelFolder(t, { weights: whole.subarray(0, 200) })), fails('model_invalid', /cut short: it has 200 bytes of at least \d+/));
});

test('Weights that are ONNX outside and rubbish inside are refused by a sentence, not by a crash', async (t) => {
  const weights = probeModel();
  weights.fill(0xff, 20, 60);
  const model = await loadModel(modelFolder(t, { weights }));
  await assert.rejects(serveModel(model, { socketDirectory: freshFolder(t), sessions: 1 }), fails('model_invalid', /cannot be loaded on cpu/));
});

test('Weights that are missing, or lie outside the folder, are refused', async (t) => {
  const folder = modelFolder(t);
  rmSync(join(folder, 'probe.onnx'));
  await assert.rejects(loadModel(folder), fails('model_invalid', /probe\.onnx is missing: put it there, or correct model_weights in .*model\.yaml$/));
  const outside = join(freshFolder(t), 'else.onnx');
  writeFileSync(outside, probeModel());
  symlinkSync(outside, join(folder, 'probe.onnx'));
  await assert.rejects(loadModel(folder), fails('model_invalid', /leads out of the model folder/));
});

test('The sha256 of the weights is checked where it is given', async (t) => {
  const weights = probeModel();
  const sha256 = createHash('sha256').update(weights).digest('hex');
  assert.ok(await loadModel(modelFolder(t, { weights, manifest: `${MANIFEST}sha256: '${sha256}'\n` })));
  await assert.rejects(loadModel(modelFolder(t, { weights, manifest: `${MANIFEST}sha256: '${'0'.repeat(64)}'\n` })), fails('weights_mismatch', new RegExp(sha256)));
});

test('Class names may stand in a file of the folder', async (t) => {
  const folder = modelFolder(t, { manifest: MANIFEST.replace('classes: [person, cat, dog]', 'class_names_file: names.txt') });
  writeFileSync(join(folder, 'names.txt'), 'person\ncat\r\n\ndog\n');
  assert.deepEqual((await loadModel(folder)).classes, ['person', 'cat', 'dog']);
});

test('A manifest that contradicts the weights is refused when the model starts', async (t) => {
  const refused = async (manifest: string, ...texts: RegExp[]): Promise<void> => {
    await assert.rejects(serveModel(await loadModel(modelFolder(t, { manifest })), { socketDirectory: freshFolder(t), sessions: 1 }), fails('model_invalid', ...texts));
  };
  await refused(MANIFEST.replace('width: 64', 'width: 32'), /takes float32 \[1, 3, 64, 64\]/, /\[1, 3, 64, 32\]/);
  await refused(`${MANIFEST}input_format: { dtype: uint8 }\n`, /model\.yaml says uint8/);
  await refused(MANIFEST.replace('output: rows', 'output: boxes'), /"boxes"/, /rows/);
  await refused(MANIFEST.replace('format: ssd', 'format: yolov8'), /first inference failed/, /\[1, 7, N\]/);
});

test('A device that is not there is an error, unless the CPU may stand in', async (t) => {
  const withDevice = (more: string): Promise<Awaited<ReturnType<typeof loadModel>>> => loadModel(modelFolder(t, { manifest: `${MANIFEST}resource_requirements: { device: cuda, ${more} }\n` }));
  await assert.rejects(serveModel(await withDevice('cpu_fallback_allowed: false'), { socketDirectory: freshFolder(t), sessions: 1 }), fails('device_unavailable', /cuda/));
  const container = await serveModel(await withDevice('cpu_fallback_allowed: true'), { socketDirectory: freshFolder(t), sessions: 1 });
  assert.equal(container.device, 'cpu');
  await using client = new IpcClient(container.socketPath);
  const { device, device_choice: choice } = validator(DescribeResponse).parse(await client.request({ type: 'describe' }, { timeoutMs: 10_000 }));
  assert.deepEqual([device, choice?.asked], ['cpu', 'cuda']);
  assert.match(choice!.reason, /^cuda cannot be used here: .+cuda/i);
  await container.close();
});

test('A socket that another container holds is not taken over', async (t) => {
  const socketDirectory = freshFolder(t);
  const model = await loadModel(modelFolder(t));
  const container = await serveModel(model, { socketDirectory, sessions: 1 });
  await assert.rejects(serveModel(model, { socketDirectory, sessions: 1 }), fails('socket_in_use', new RegExp(String(process.pid))));
  await container.close();
});

test('The process says when it serves, and on SIGTERM ends with 0 and leaves no socket', async (t) => {
  const socketDirectory = freshFolder(t);
  const { child, message, exit } = startProcess(t, modelFolder(t), { socketDirectory });
  const ready = await message as { type: string; details: { socket: string; device: string } };
  assert.equal(ready.type, 'ready');
  assert.ok(existsSync(ready.details.socket));
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  assert.deepEqual(readdirSync(socketDirectory), []);
});

test('The process of a model that cannot be served ends with 1 and says why', async (t) => {
  const { message, exit } = startProcess(t, modelFolder(t, { weights: Buffer.from('no model') }), { socketDirectory: freshFolder(t) });
  const failed = await message;
  assert.equal(failed.type, 'failed');
  assert.equal(failed.code, 'model_invalid');
  assert.match(String(failed.message), /not an ONNX model/);
  assert.deepEqual(await exit, [1, null]);
});
