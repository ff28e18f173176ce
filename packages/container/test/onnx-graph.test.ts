import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { RuthError } from '@ruth/protocol';
import { readOnnxGraph } from '../src/index.ts';
import { freshFolder, probeModel } from './harness.ts';
import { onnxFile } from './onnx-writer.ts';

function fileOf(t: TestContext, bytes: Buffer): string {
  const path = join(freshFolder(t), 'm.onnx');
  writeFileSync(path, bytes);
  return path;
}

const SMALL = onnxFile({
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'y' }, { op: 'Split', inputs: ['y'], output: ['a', 'b'] }, { op: 'Sigmoid', inputs: ['a'], output: 'scores' }],
  inputs: [{ name: 'x', type: 'float32', dims: ['batch', 3, 8, 8] }, { name: 'w', type: 'float32', dims: [2, 3] }],
  outputs: [{ name: 'scores', type: 'float32', dims: ['batch', 2] }, { name: 'b', type: 'int64', dims: [] }],
  constants: { w: new Float32Array(6) }, constantDims: { w: [2, 3] }, producer: 'a test', metadata: { names: '{0: \'cat\'}', stride: '32' },
});

test('A graph says its inputs without the weights, its outputs, sizes that are open, operations and metadata', (t) => {
  const graph = readOnnxGraph(fileOf(t, SMALL));
  assert.deepEqual(graph.inputs, [{ name: 'x', type: 'float32', shape: ['batch', 3, 8, 8] }]);
  assert.deepEqual(graph.outputs, [{ name: 'scores', type: 'float32', shape: ['batch', 2] }, { name: 'b', type: 'int64', shape: [] }]);
  assert.deepEqual([...graph.operations], [['MatMul', 1], ['Split', 1], ['Sigmoid', 1]]);
  assert.deepEqual([...graph.madeBy], [['scores', 'Sigmoid'], ['b', 'Split']]);
  assert.deepEqual([...graph.metadata], [['names', '{0: \'cat\'}'], ['stride', '32']]);
  assert.deepEqual([graph.producer, graph.opset, graph.irVersion, graph.parameters, graph.externalData.length], ['a test', 17, 8, 6, 0]);
});

test('Weights in another file are named', (t) => {
  // TensorProto with data_location 14 EXTERNAL and external_data 13 { key location, value w.bin }.
  const text = (field: number, value: string): Buffer => Buffer.concat([Buffer.from([field * 8 + 2, value.length]), Buffer.from(value)]);
  const nested = (field: number, value: Buffer): Buffer => Buffer.concat([Buffer.from([field * 8 + 2, value.length]), value]);
  const tensor = Buffer.concat([text(8, 'w'), nested(13, Buffer.concat([text(1, 'location'), text(2, 'w.bin')])), Buffer.from([14 * 8, 1])]);
  const graph = readOnnxGraph(fileOf(t, Buffer.concat([Buffer.from([8, 8]), nested(7, nested(5, tensor))])));
  assert.deepEqual(graph.externalData, ['w.bin']);
});

test('A file of 500 MB is read without its weights', (t) => {
  const path = join(freshFolder(t), 'big.onnx');
  const varint = (value: number): number[] => (value < 128 ? [value] : [value % 128 | 128, ...varint(Math.floor(value / 128))]);
  const weights = 500_000_000;
  const raw = Buffer.from([9 * 8 + 2, ...varint(weights)]);
  const tensor = Buffer.from([5 * 8 + 2, ...varint(raw.length + weights)]);
  const graph = Buffer.from([7 * 8 + 2, ...varint(tensor.length + raw.length + weights)]);
  const file = openSync(path, 'w');
  const head = Buffer.concat([Buffer.from([8, 8]), graph, tensor, raw]);
  writeSync(file, head);
  ftruncateSync(file, head.length + weights);
  closeSync(file);
  const before = process.memoryUsage().rss;
  assert.equal(readOnnxGraph(path).bytes, head.length + weights);
  assert.ok(process.memoryUsage().rss - before < 50e6);
});

const orModelInvalid = (path: string): void => {
  try {
    readOnnxGraph(path);
  } catch (error) {
    assert.ok(error instanceof RuthError && error.code === 'model_invalid', String(error));
    assert.ok(error.message.includes(path));
  }
};

test('Any bytes are a graph or model_invalid', (t) => {
  const path = fileOf(t, Buffer.alloc(0));
  const check = (bytes: Uint8Array): void => {
    writeFileSync(path, bytes);
    orModelInvalid(path);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { numRuns: 500 });
  // Behind a beginning that looks right.
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => check(Buffer.concat([Buffer.from([8, 8, 58, Math.min(127, rest.length)]), rest]))), { numRuns: 500 });
});

test('A model with any bytes changed, or cut anywhere, is a graph or model_invalid', (t) => {
  const path = fileOf(t, SMALL);
  for (const whole of [SMALL, probeModel()]) {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.nat(whole.length), (changes, length) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      writeFileSync(path, bytes.subarray(0, length % 3 === 0 ? length : bytes.length));
      orModelInvalid(path);
    }), { numRuns: 700 });
  }
});
