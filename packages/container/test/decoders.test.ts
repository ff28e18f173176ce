import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest } from '@ruth/protocol';
import { decoderFor, iou, suppressOverlaps, type Candidate, type LoadedModel, type OutputTensor } from '../src/index.ts';

function model(schema: string, { classes = ['a', 'b'], keypointNames = [] as string[], size = 64 } = {}): LoadedModel {
  const manifest = parseManifest(`model_id: m\nmodel_name: M\nmodel_version: '1'\nsupported_tasks: [detect]\nmodel_type: onnx\nmodel_weights: m.onnx\noutput_schema: { ${schema} }\nexpected_resolution: { width: ${size}, height: ${size} }\n`, 'model.yaml');
  return { folder: '', manifest, weightsPath: '', classes, keypointNames, skeleton: [] };
}
const tensor = (dims: number[], values: readonly number[]): OutputTensor => ({ dims, data: Float32Array.from(values) });
const decode = (loaded: LoadedModel, output: OutputTensor, scoreThreshold = 0.25): Candidate[] => decoderFor(loaded).decode({ output }, { scoreThreshold });
const round = ({ classId, score, left, top, right, bottom }: Candidate): number[] => [classId, score, left, top, right, bottom].map((value) => Math.round(value * 100) / 100);

/** Columns of quantities, as yolov8 lays them out. */
const byQuantity = (places: readonly (readonly number[])[]): OutputTensor =>
  tensor([1, places[0]!.length, places.length], places[0]!.flatMap((_, quantity) => places.map((place) => place[quantity]!)));
const byPlace = (places: readonly (readonly number[])[]): OutputTensor => tensor([1, places.length, places[0]!.length], places.flat());

test('yolov8: the best class of each place, if it reaches the threshold', () => {
  const output = byQuantity([[10, 20, 4, 8, 0.1, 0.9], [30, 30, 10, 10, 0.5, 0.2], [5, 5, 2, 2, 0.2, 0.1]]);
  assert.deepEqual(decode(model('format: yolov8'), output).sort((a, b) => b.score - a.score).map(round), [[1, 0.9, 8, 16, 12, 24], [0, 0.5, 25, 25, 35, 35]]);
  assert.equal(decode(model('format: yolov8'), output, 0).length, 3);
});

test('yolov8-pose: keypoints come with the box', () => {
  const pose = model('format: yolov8-pose', { classes: ['person'], keypointNames: ['nose', 'tail'] });
  const [found] = decode(pose, byQuantity([[10, 20, 4, 8, 0.9, 9, 17, 0.8, 11, 23, 0.4]]));
  assert.deepEqual([...found!.keypoints!].map((value) => Math.round(value * 10) / 10), [9, 17, 0.8, 11, 23, 0.4]);
});

test('yolov5: score is objectness times class', () => {
  const output = byPlace([[10, 20, 4, 8, 0.5, 0.2, 0.8], [10, 20, 4, 8, 0.1, 1, 1]]);
  assert.deepEqual(decode(model('format: yolov5'), output).map(round), [[1, 0.4, 8, 16, 12, 24]]);
});

test('yolox: centres count in cells of three grids, sizes are logarithms', () => {
  // 64x64: 64 cells of 8, 16 of 16, 4 of 32.
  const places = Array.from({ length: 84 }, () => [0, 0, 0, 0, 0, 0, 0]);
  places[9] = [0.5, 0.5, Math.log(2), 0, 1, 0.9, 0]; // row 1, column 1 of stride 8
  places[64 + 6] = [0, 0, 0, 0, 1, 0, 0.8]; // row 1, column 2 of stride 16
  places[80 + 3] = [0, 0, 0, 0, 1, 0.7, 0]; // row 1, column 1 of stride 32
  assert.deepEqual(decode(model('format: yolox'), byPlace(places)).map(round), [[0, 0.9, 4, 8, 20, 16], [1, 0.8, 24, 8, 40, 24], [0, 0.7, 16, 16, 48, 48]]);
});

test('ssd: rows in pixels or in shares, either order of coordinates, or boxes, scores and classes apart', () => {
  const expected = [[1, 0.9, 8, 16, 12, 24]];
  assert.deepEqual(decode(model('format: ssd'), tensor([1, 1, 6], [8, 16, 12, 24, 0.9, 1])).map(round), expected);
  assert.deepEqual(decode(model('format: ssd, normalized_boxes: true, box_order: yxyx'), tensor([1, 6], [0.25, 0.125, 0.375, 0.1875, 0.9, 1])).map(round), expected);
  const apart = { boxes: tensor([1, 2, 4], [8, 16, 12, 24, 0, 0, 1, 1]), scores: tensor([1, 2], [0.9, 0.1]), labels: tensor([1, 2], [1, 0]) };
  assert.deepEqual(decoderFor(model('format: ssd')).decode(apart, { scoreThreshold: 0.25 }).map(round), expected);
});

test('movenet: one person, whose score is the mean of the keypoints and whose box holds those that were seen', () => {
  const pose = model('format: movenet', { classes: ['person'], keypointNames: ['nose', 'hip', 'hand'] });
  const output = tensor([1, 1, 3, 3], [0.25, 0.5, 0.9, 0.75, 0.25, 0.9, 0, 0, 0.1]);
  const [person] = decode(pose, output);
  assert.deepEqual(round(person!), [0, 0.63, 16, 16, 32, 48]);
  assert.deepEqual([...person!.keypoints!.subarray(0, 2)], [32, 16]);
  assert.deepEqual(decode(pose, output, 0.7), []);
});

test('classification: scores that are no probabilities become some; the box is the whole picture', () => {
  assert.deepEqual(decode(model('format: classification'), tensor([1, 2], [0.9, 0.1])).map(round), [[0, 0.9, 0, 0, 64, 64]]);
  assert.deepEqual(decode(model('format: classification'), tensor([1, 2], [3, 3 + Math.log(9)])).map(round), [[1, 0.9, 0, 0, 64, 64]]);
});

test('ssd: rows may carry keypoints, in pixels or in shares like the box', () => {
  const pose = model('format: ssd, normalized_boxes: true', { classes: ['person'], keypointNames: ['nose', 'tail'] });
  const [found] = decode(pose, tensor([1, 1, 12], [0.125, 0.25, 0.1875, 0.375, 0.9, 0, 0.5, 0.25, 0.75, 0.125, 1, 0.5]));
  assert.deepEqual(round(found!), [0, 0.9, 8, 16, 12, 24]);
  assert.deepEqual([...found!.keypoints!], [32, 16, 0.75, 8, 64, 0.5]);
});

test('detr: each query is its best class, of one tensor with scores or of two with logits', () => {
  const boxes = [[0.5, 0.5, 0.25, 0.125], [0.25, 0.25, 0.5, 0.5]];
  const expected = [[1, 0.9, 24, 28, 40, 36]];
  assert.deepEqual(decode(model('format: detr'), tensor([1, 2, 6], [...boxes[0]!, 0.1, 0.9, ...boxes[1]!, 0.2, 0.1])).map(round), expected);
  const logit = (share: number): number => Math.log(share / (1 - share));
  const two = (logits: number[]) => ({ pred_boxes: tensor([1, 2, 4], boxes.flat()), logits: tensor([1, 2, logits.length / 2], logits) });
  assert.deepEqual(decoderFor(model('format: detr')).decode(two([0.1, 0.9, 0.2, 0.1].map(logit)), { scoreThreshold: 0.25 }).map(round), expected);
  // Of softmax the last class is nothing: 1 : 9 : 0, and 1 : 1 : 8.
  const softmax = [0, Math.log(9), -50, 0, 0, Math.log(8)];
  assert.deepEqual(decoderFor(model('format: detr, activation: softmax')).decode(two(softmax), { scoreThreshold: 0.25 }).map(round), expected);
  assert.equal(decoderFor(model('format: detr')).overlapping, false);
});

test('yunet: score of class and objectness, box in cells and logarithms, five landmarks', () => {
  // 64x64: 64 places of stride 8, 16 of 16, 4 of 32.
  const outputs: Record<string, OutputTensor> = {};
  for (const stride of [8, 16, 32]) {
    const places = (64 / stride) ** 2;
    for (const [name, quantities] of [['cls', 1], ['obj', 1], ['bbox', 4], ['kps', 10]] as const) outputs[`${name}_${stride}`] = tensor([1, places, quantities], Array<number>(places * quantities).fill(0));
  }
  const place = 6; // row 1, column 2 of stride 16
  outputs.cls_16!.data[place] = 0.9;
  outputs.obj_16!.data[place] = 0.4;
  outputs.bbox_16!.data.set([0.5, 0.25, Math.log(2), Math.log(1)], 4 * place);
  outputs.kps_16!.data.set([0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1], 10 * place);
  const [face, ...others] = decoderFor(model('format: yunet', { classes: ['face'] })).decode(outputs, { scoreThreshold: 0.25 });
  assert.deepEqual(others, []);
  assert.deepEqual(round(face!), [0, 0.6, 24, 12, 56, 28]);
  assert.deepEqual([...face!.keypoints!].filter((_, index) => index % 3 < 2), [32, 16, 48, 16, 40, 24, 32, 32, 48, 32]);
  assert.throws(() => decoderFor(model('format: yunet')).decode({ ...outputs, kps_8: tensor([1, 64, 8], Array<number>(512).fill(0)) }, { scoreThreshold: 0.25 }), /kps_8 has shape \[1, 64, 8\]/);
  assert.throws(() => decoderFor(model('format: yunet')).decode({ cls_8: outputs.cls_8! }, { scoreThreshold: 0.25 }), /no output obj_8; it has cls_8/);
});

test('embedding: one vector of length 1 for all that was looked at; none without a direction', () => {
  const [found] = decode(model('format: embedding'), tensor([1, 2, 1, 1], [3, 4]));
  assert.deepEqual([...found!.embedding!].map((value) => Math.round(value * 10) / 10), [0.6, 0.8]);
  assert.deepEqual(round(found!), [0, 1, 0, 0, 64, 64]);
  for (const values of [[0, 0], [NaN, 1], [Infinity, 1]]) assert.throws(() => decode(model('format: embedding'), tensor([1, 2], values)), { code: 'inference_failed' });
});

test('What is no number is never a detection', () => {
  const odd = [NaN, Infinity, -Infinity];
  for (const value of odd) {
    assert.deepEqual(decode(model('format: yolov8'), byQuantity([[value, 20, 4, 8, 0.9, 0.1], [10, 20, value, 8, 0.9, 0.1]])), []);
    assert.deepEqual(decode(model('format: yolov5'), byPlace([[10, value, 4, 8, 0.9, 0.9, 0.1]])), []);
    assert.deepEqual(decode(model('format: ssd'), tensor([1, 1, 6], [8, value, 12, value, 0.9, 1])), []);
    assert.deepEqual(decode(model('format: detr'), tensor([1, 1, 6], [0.5, value, 0.1, 0.1, 0.9, 0.1])), []);
  }
  assert.deepEqual(decode(model('format: yolov8'), byQuantity([[10, 20, 4, 8, NaN, NaN]])), []);
  assert.deepEqual(decode(model('format: yolov5'), byPlace([[10, 20, 4, 8, NaN, 1, 1], [10, 20, 4, 8, 1, NaN, NaN]])), []);
  assert.deepEqual(decode(model('format: ssd'), tensor([1, 1, 6], [8, 16, 12, 24, 0.9, NaN])), []);
  for (const activation of ['none', 'sigmoid']) assert.deepEqual(decode(model(`format: detr, activation: ${activation}`), tensor([1, 1, 6], [0.5, 0.5, 0.1, 0.1, NaN, NaN])), []);
  assert.deepEqual(decode(model('format: detr, activation: softmax'), tensor([1, 1, 7], [0.5, 0.5, 0.1, 0.1, NaN, 1, 1])), []);
  assert.deepEqual(decode(model('format: movenet'), tensor([1, 1, 1, 3], [0.5, 0.5, NaN])), []);
});

test('An output that does not fit its format is an error that says both shapes', () => {
  for (const [schema, output] of [
    ['format: yolov8', tensor([1, 7, 1], Array<number>(7).fill(0))], ['format: yolov5', tensor([1, 1, 8], Array<number>(8).fill(0))],
    ['format: yolox', tensor([1, 83, 7], Array<number>(581).fill(0))], ['format: ssd', tensor([1, 1, 5], Array<number>(5).fill(0))],
    ['format: movenet', tensor([1, 2], [0, 0])], ['format: classification', tensor([1, 3], [0, 0, 0])],
    ['format: detr', tensor([1, 1, 4], [0, 0, 0, 0])], ['format: embedding', tensor([2, 2], [0, 0, 0, 0])],
  ] as const) {
    assert.throws(() => decode(model(schema), output), (error: Error & { code: string }) => error.code === 'inference_failed' && error.message.includes(`[${output.dims.join(', ')}]`), schema);
  }
});

test('A format that this runtime cannot read is refused when the model is loaded', () => {
  assert.throws(() => decoderFor(model('format: custom')), { code: 'model_invalid' });
});

test('Of boxes of one class that overlap too much the best stays; a limit keeps the best', () => {
  const at = (left: number, score: number, classId = 0): Candidate => ({ classId, score, left, top: 0, right: left + 10, bottom: 10 });
  assert.equal(iou(at(0, 1), at(5, 1)), 1 / 3);
  assert.equal(iou(at(0, 1), at(20, 1)), 0);
  const kept = suppressOverlaps([at(1, 0.5), at(0, 0.9), at(0, 0.8, 1), at(20, 0.7)], 0.5, 10);
  assert.deepEqual(kept.map(({ score }) => score), [0.9, 0.8, 0.7]);
  assert.deepEqual(suppressOverlaps([at(0, 0.1), at(20, 0.2), at(40, 0.3)], 0.5, 2).map(({ score }) => score), [0.3, 0.2]);
});
