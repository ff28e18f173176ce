import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { RuthError } from '@ruth/protocol';
import { convertTfjsModel, type TfjsModelJson } from '../src/index.ts';
import { attributes as a, float, INPUT, int, noise, scalar, tfjsModel, type OperationSpec } from './tfjs-model.ts';
import { runTfjs, type Tensor } from './tfjs-reference.ts';

const human = new URL('../models/', import.meta.resolve('@vladmandic/human'));

async function runOnnx(bytes: Uint8Array, values: Float32Array | Int32Array, shape: readonly number[]): Promise<Tensor[]> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const type = values instanceof Float32Array ? 'float32' : 'int32';
  const results = await session.run({ [session.inputNames[0]!]: new OrtTensor(type, values, shape) });
  return session.outputNames.map((name) => ({ shape: results[name]!.dims, values: Array.from(results[name]!.data as Iterable<number>) }));
}

function assertSame(actual: Tensor, expected: Tensor, tolerance: number): void {
  assert.deepEqual(actual.shape, expected.shape);
  expected.values.forEach((value, index) => {
    const difference = Math.abs(value - actual.values[index]!);
    assert.ok(difference <= tolerance * Math.max(1, Math.abs(value)), `number ${index}: ${actual.values[index]} instead of ${value}`);
  });
}

// CenterNet takes TensorFlow.js half a minute on its JavaScript backend, so MoveNet stands for both.
test('The converted pose model gives what TensorFlow.js gives', async () => {
  const model = JSON.parse(readFileSync(new URL('movenet-lightning.json', human), 'utf8')) as TfjsModelJson;
  const weights = readFileSync(new URL('movenet-lightning.bin', human));
  const [size, shape] = [192, [1, 192, 192, 3]];
  // Soft blobs of colour: a picture to a network, unlike noise.
  const values = Int32Array.from({ length: size * size * 3 }, (_, index) => {
    const [x, y] = [Math.floor(index / 3) % size / size, Math.floor(index / 3 / size) / size];
    return Math.round(127 + 127 * Math.sin(7 * x + 3 * (index % 3)) * Math.cos(5 * y));
  });
  const [expected] = await runTfjs(model, weights, { values, shape, type: 'int32' }, ['Identity']);
  const [actual] = await runOnnx(convertTfjsModel(model, weights, { label: 'movenet' }), values, shape);
  assertSame(actual!, expected!, 1e-4);
});

const PICTURE = [1, 6, 8, 3];
const real = (value: number): ReturnType<typeof float> => float([], [value]);
const same = { strides: a.integers(1, 1, 1, 1), dilations: a.integers(1, 1, 1, 1), padding: a.text('SAME') };
/** A convolution of the input, so that what follows finds its value channels first. */
const first: OperationSpec = { op: 'Conv2D', inputs: [INPUT, float([3, 3, 3, 4], noise(108))], attr: same };

const OPERATIONS: Readonly<Record<string, readonly OperationSpec[]>> = {
  'a convolution with fused bias and Relu6': [{ op: '_FusedConv2D', inputs: [INPUT, float([3, 3, 3, 4], noise(108)), float([4], noise(4))], attr: { ...same, strides: a.integers(1, 2, 2, 1), fused_ops: a.texts('BiasAdd', 'Relu6'), num_args: a.integer(1) } }],
  'a convolution with dilation and no padding': [{ op: 'Conv2D', inputs: [INPUT, float([2, 3, 3, 2], noise(36))], attr: { ...same, padding: a.text('VALID'), dilations: a.integers(1, 2, 2, 1) } }],
  'a convolution with explicit padding': [{ op: 'Conv2D', inputs: [INPUT, float([3, 3, 3, 2], noise(54))], attr: { ...same, padding: a.text('EXPLICIT'), explicit_paddings: a.integers(0, 0, 1, 2, 0, 3, 0, 0) } }],
  'a depthwise convolution with two filters for each channel': [{ op: 'DepthwiseConv2dNative', inputs: [INPUT, float([3, 3, 3, 2], noise(54))], attr: { ...same, strides: a.integers(1, 2, 2, 1) } }],
  'pooling by maximum and by mean': [first, { op: 'MaxPool', inputs: ['step0'], attr: { ...same, ksize: a.integers(1, 3, 3, 1) } }, { op: 'AvgPool', inputs: ['step1'], attr: { ...same, ksize: a.integers(1, 2, 2, 1), strides: a.integers(1, 2, 2, 1) } }],
  'a constant for each channel, for each column and for each row beside a picture': [
    first, { op: 'Mul', inputs: ['step0', float([4], noise(4))] }, { op: 'AddV2', inputs: [float([8, 4], noise(32)), 'step1'] }, { op: 'Sub', inputs: ['step2', float([6, 1, 1], noise(6))] },
  ],
  'a picture in two orders of axes': [first, { op: 'Reshape', inputs: ['step0', int(1, 6, 8, 4)] }, { op: 'Maximum', inputs: ['step0', 'step1'] }, { op: 'Add', inputs: ['step0', 'step2'] }],
  'activations': [first, { op: 'Sigmoid', inputs: ['step0'] }, { op: 'Elu', inputs: ['step0'] }, { op: 'LeakyRelu', inputs: ['step0'], attr: { alpha: { f: 0.1 } } }, { op: 'Mul', inputs: ['step1', 'step2'] }, { op: 'Add', inputs: ['step3', 'step4'] }],
  'rounding quotients down, and the rest': [{ op: 'FloorDiv', inputs: [INPUT, real(-0.7)] }, { op: 'FloorMod', inputs: [INPUT, real(-0.7)] }, { op: 'Sub', inputs: ['step0', 'step1'] }],
  'a squared difference': [{ op: 'SquaredDifference', inputs: [INPUT, float([3], [1, 2, 3])] }],
  'bilinear and nearest resizing': [
    first, { op: 'ResizeBilinear', inputs: ['step0', int(12, 16)], attr: { half_pixel_centers: a.flag(false) } },
    { op: 'ResizeBilinear', inputs: ['step1', int(6, 5)], attr: { half_pixel_centers: a.flag(true) } }, { op: 'ResizeNearestNeighbor', inputs: ['step2', int(12, 10)], attr: { half_pixel_centers: a.flag(false) } },
  ],
  'the mean of a picture, with and without its axes': [first, { op: 'Mean', inputs: ['step0', int(1, 2)], attr: { keep_dims: a.flag(true) } }, { op: 'Mul', inputs: ['step0', 'step1'] }, { op: 'Mean', inputs: ['step2', int(1, 2)] }, { op: 'Mean', inputs: ['step3', int(-1)] }],
  'joining channels and rows': [first, { op: 'ConcatV2', inputs: ['step0', 'step0', scalar(-1)] }, { op: 'ConcatV2', inputs: ['step1', 'step1', scalar(1)] }, { op: 'ConcatV2', inputs: ['step2', 'step2', scalar(0)] }],
  'padding a picture': [first, { op: 'Pad', inputs: ['step0', { ...int(0, 0, 1, 2, 3, 0, 0, 1), shape: [4, 2] }] }],
  'a slice with masks': [{ op: 'StridedSlice', inputs: [INPUT, int(0, 1, -3, 0), int(0, 5, 0, 2), int(1, 2, 1, 1)], attr: { begin_mask: a.integer(1), end_mask: a.integer(0b101), shrink_axis_mask: a.integer(0) } }],
  'a slice after an ellipsis that takes one column away': [{ op: 'StridedSlice', inputs: [INPUT, int(0, -1), int(0, 0), int(1, 1)], attr: { ellipsis_mask: a.integer(1), shrink_axis_mask: a.integer(2) } }],
  'taking a stack apart and putting it together': [{ op: 'Unpack', inputs: [INPUT], attr: { num: a.integer(3), axis: a.integer(3) } }, { op: 'Pack', inputs: ['step0:2', 'step0', 'step0:1'], attr: { axis: a.integer(1) } }, { op: 'Squeeze', inputs: ['step1'], attr: { squeeze_dims: a.integers(0) } }, { op: 'ExpandDims', inputs: ['step2', scalar(1)] }, { op: 'Transpose', inputs: ['step3', int(2, 0, 1, 3)] }],
  'the best k and where they are': [
    { op: 'Reshape', inputs: [INPUT, int(4, -1)] }, { op: 'TopKV2', inputs: ['step0', scalar(5)], attr: { sorted: a.flag(true) } }, { op: 'Cast', inputs: ['step1:1'], attr: { SrcT: a.type('DT_INT32'), DstT: a.type('DT_FLOAT') } }, { op: 'Add', inputs: ['step1', 'step2'] },
  ],
  'gathering rows, and numbers by their coordinates': [
    { op: 'Reshape', inputs: [INPUT, int(12, 12)] }, { op: 'GatherV2', inputs: ['step0', int(3, 0, 11), scalar(0)] }, { op: 'GatherNd', inputs: ['step1', { ...int(0, 1, 2, 5), shape: [2, 2] }] },
  ],
};

for (const [what, operations] of Object.entries(OPERATIONS)) {
  test(`Converts ${what}, as TensorFlow.js computes it`, async () => {
    const { model, weights, output } = tfjsModel(PICTURE, operations);
    const values = Float32Array.from(noise(6 * 8 * 3, 5));
    const [expected] = await runTfjs(model, weights, { values, shape: PICTURE, type: 'float32' }, [output]);
    const [actual] = await runOnnx(convertTfjsModel(model, weights, { label: 'model' }), values, PICTURE);
    assertSame(actual!, expected!, 1e-4);
  });
}

test('Divides negative whole numbers as TensorFlow does, rounding down', async () => {
  const operations: OperationSpec[] = [{ op: 'FloorDiv', inputs: [INPUT, int(3)] }, { op: 'FloorMod', inputs: [INPUT, int(3)] }, { op: 'Pack', inputs: ['step0', 'step1'], attr: { axis: a.integer(0) } }];
  const { model, weights } = tfjsModel([6], operations, { inputType: 'DT_INT32', outputType: 'DT_INT32' });
  const [result] = await runOnnx(convertTfjsModel(model, weights, { label: 'model' }), Int32Array.of(-4, -3, -1, 0, 4, 5), [6]);
  assert.deepEqual(result!.values, [-2, -1, -1, 0, 1, 1, 2, 0, 2, 0, 1, 2]);
});

test('Reads weights that were stored as 8-bit numbers with scale and minimum', async () => {
  const { model } = tfjsModel([2], [{ op: 'Add', inputs: [INPUT, float([2], [0, 0])] }]);
  model.weightsManifest[0]!.weights[0]!.quantization = { dtype: 'uint8', scale: 0.5, min: -1 };
  const [result] = await runOnnx(convertTfjsModel(model, Uint8Array.of(0, 255), { label: 'model' }), Float32Array.of(0, 0), [2]);
  assert.deepEqual(result!.values, [-1, 126.5]);
});

test('Keeps only the output that was asked for, and gives the same bytes each time', async () => {
  const { model, weights } = tfjsModel(PICTURE, [first, { op: 'Sigmoid', inputs: ['step0'] }]);
  model.signature!.outputs!.other = { name: 'step0', dtype: 'DT_FLOAT' };
  const both = await InferenceSession.create(convertTfjsModel(model, weights, { label: 'model' }));
  assert.deepEqual([...both.outputNames].sort(), ['step0', 'step1']);
  const one = convertTfjsModel(model, weights, { label: 'model', output: 'step0' });
  assert.deepEqual([...(await InferenceSession.create(one)).outputNames], ['step0']);
  assert.deepEqual(convertTfjsModel(model, weights, { label: 'model', output: 'step0' }), one);
});

for (const [what, message, convert] of [
  ['an operation it does not know', /model: Einsum \(step0\) is no operation that the converter knows/, () => convertOne({ op: 'Einsum', inputs: [INPUT] })],
  ['an activation it does not know', /is fused with Prelu/, () => convertOne({ op: '_FusedConv2D', inputs: [INPUT, float([1, 1, 3, 1], [1, 2, 3]), float([1], [0])], attr: { ...same, fused_ops: a.texts('BiasAdd', 'Prelu') } })],
  ['a shape that is computed where it must be known', /needs a constant as input 1/, () => convertOne({ op: 'Mean', inputs: [INPUT, INPUT] })],
  ['a value that nothing makes', /no operation makes the value ghost/, () => convertOne({ op: 'Relu', inputs: ['ghost'] })],
  ['weights that end too early', /the weights end at byte 8, in the middle of step0\/1/, () => convertTfjsModel(tfjsModel([3], [{ op: 'Add', inputs: [INPUT, float([3], [1, 2, 3])] }]).model, new Uint8Array(8), { label: 'model' })],
  ['weights that are too long', /the weights have 16 bytes, the model describes 12/, () => convertTfjsModel(tfjsModel([3], [{ op: 'Add', inputs: [INPUT, float([3], [1, 2, 3])] }]).model, new Uint8Array(16), { label: 'model' })],
  ['an output that the model does not have', /model has no output boxes; known: step0/, () => convertTfjsModel(tfjsModel([3], [{ op: 'Relu', inputs: [INPUT] }]).model, new Uint8Array(0), { label: 'model', output: 'boxes' })],
  ['JSON that is no graph model', /is no TensorFlow.js graph model/, () => convertTfjsModel({} as TfjsModelJson, new Uint8Array(0), { label: 'model' })],
] as const) {
  test(`Refuses ${what}, and says so`, () => {
    assert.throws(convert, (error: RuthError) => error.code === 'model_invalid' && message.test(error.message));
  });
}

function convertOne(operation: OperationSpec): Uint8Array {
  const { model, weights } = tfjsModel(PICTURE, [operation]);
  return convertTfjsModel(model, weights, { label: 'model' });
}
