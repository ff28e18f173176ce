import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseManifest, type Manifest, type RuthError } from '@ruth/protocol';
import { onnxFile, type OnnxGraph } from '../../container/test/onnx-writer.ts';
import { addModel, samplePictures, type AddOptions } from '../src/index.ts';

const DATA = new URL('../../../../shared/data/', import.meta.url).pathname;
const LIMITS = { timeMs: 180_000, memoryBytes: 4e9 };

function freshFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-add-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function options(modelsDirectory: string, more: Partial<AddOptions> & { pictures: AddOptions['pictures'] }): AddOptions {
  return {
    modelsDirectory, limits: LIMITS, measureMs: 300, step: () => ({ say: () => undefined, done: () => undefined }),
    source: {
      mostBytes: 1e9, timeMs: 60_000, signal: new AbortController().signal, report: () => undefined,
      acceptLicense: () => Promise.reject(new Error('nothing is to be fetched')), askSha256: () => Promise.reject(new Error('nothing is to be fetched')),
    },
    ...more,
  };
}

/** A model that answers the same whatever it sees: `rows` are its output. */
const constant = (rows: readonly (readonly number[])[], more: Partial<OnnxGraph> = {}, dims: readonly number[] = [1, rows.length, rows[0]!.length]): Buffer => onnxFile({
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { keepdims: 0 } }, { op: 'Mul', inputs: ['brightness', 'zero'], output: 'nothing' }, { op: 'Add', inputs: ['rows', 'nothing'], output: 'output0' },
  ],
  inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], outputs: [{ name: 'output0', type: 'float32', dims }],
  constants: { rows: Float32Array.from(rows.flat()), zero: Float32Array.of(0) }, constantDims: { rows: [...dims] }, ...more,
});

async function add(t: TestContext, file: string, weights: Buffer, more: Partial<AddOptions> = {}): Promise<{ manifest: Manifest; folder: string; notes: readonly string[] }> {
  const folder = freshFolder(t);
  writeFileSync(join(folder, file), weights);
  const added = await addModel(join(folder, file), options(join(folder, 'models'), { pictures: (await samplePictures(undefined)).slice(0, 2), ...more }));
  const path = join(added.folder, 'model.yaml');
  assert.deepEqual(readdirSync(join(folder, 'models')), [added.id]);
  return { manifest: parseManifest(readFileSync(path, 'utf8'), path), folder: added.folder, notes: added.recognition?.notes ?? [] };
}

test('Ready boxes in the middle are found in the mirror too, and so tell pixels from shares', async (t) => {
  const { manifest, folder } = await add(t, 'middle box!.onnx', constant([[16, 16, 48, 48, 0.9, 0], [0, 0, 0, 0, 0, 0]]));
  assert.equal(manifest.model_id, 'middle-box');
  assert.deepEqual([manifest.output_schema.format, manifest.output_schema.normalized_boxes, manifest.expected_resolution], ['ssd', false, { width: 64, height: 64 }]);
  assert.match(manifest.sha256!, /^[0-9a-f]{64}$/);
  assert.ok(existsSync(join(folder, 'preview.jpg')));
  const shares = await add(t, 'shares.onnx', constant([[0.25, 0.25, 0.75, 0.75, 0.9, 0], [0, 0, 0, 0, 0, 0]]));
  assert.equal(shares.manifest.output_schema.normalized_boxes, true);
});

test('What Ultralytics writes into an export settles format, classes, pixels and licence', async (t) => {
  // 84 places of strides 8, 16 and 32 in 64x64; quantities x, y, w, h and two classes.
  const quantities = [32, 32, 16, 16, 0.8, 0.1].map((value) => Array<number>(84).fill(value));
  const metadata = { description: 'Ultralytics YOLO11n model trained on x', task: 'detect', stride: '32', imgsz: '[64, 64]', names: '{0: \'dog\', 1: "cat\'s toy"}', license: 'AGPL-3.0', version: '8.3.0', author: 'Ultralytics' };
  const { manifest } = await add(t, 'best.onnx', constant(quantities, { metadata }));
  assert.deepEqual([manifest.output_schema.format, manifest.output_schema.classes, manifest.license, manifest.model_version], ['yolov8', ['dog', 'cat\'s toy'], 'AGPL-3.0', '8.3.0']);
  assert.deepEqual([manifest.normalization?.std, manifest.letterbox?.mode, manifest.input_format?.channels], [[255, 255, 255], 'center', 'rgb']);
});

test('Poses by Ultralytics have the keypoints and the skeleton of a person', async (t) => {
  const quantities = [32, 32, 16, 16, 0.8, ...Array<number>(51).fill(32)].map((value) => Array<number>(84).fill(value));
  const { manifest } = await add(t, 'pose.onnx', constant(quantities, { metadata: { task: 'pose', stride: '32', imgsz: '[64, 64]', kpt_shape: '[17, 3]', names: '{0: \'person\'}' } }));
  assert.deepEqual([manifest.output_schema.format, manifest.supported_tasks, manifest.output_schema.keypoint_names?.length, manifest.output_schema.skeleton?.length], ['yolov8-pose', ['detect', 'pose'], 17, 16]);
});

test('A vector of a tall picture is an embedding', async (t) => {
  // The brightness of each row: the same in the mirror, another in another picture.
  const profile = onnxFile({
    nodes: [{ op: 'ReduceMean', inputs: ['image'], output: 'rows', attributes: { axes: [3], keepdims: 0 } }, { op: 'Reshape', inputs: ['rows', 'shape'], output: 'vector' }],
    inputs: [{ name: 'image', type: 'float32', dims: ['batch', 3, 128, 64] }], outputs: [{ name: 'vector', type: 'float32', dims: ['batch', 384] }],
    constants: { shape: BigInt64Array.of(1n, 384n) },
  });
  const { manifest, notes } = await add(t, 'x.onnx', profile);
  assert.deepEqual([manifest.output_schema.format, manifest.supported_tasks, manifest.expected_resolution], ['embedding', ['embed'], { width: 64, height: 128 }]);
  assert.match(notes.join(), /regions/);
});

test('A model that shows nothing is not guessed at: what was seen is said, with a draft to be put right', async (t) => {
  const folder = freshFolder(t);
  writeFileSync(join(folder, 'x.onnx'), constant([[0, 0, 0, 0, 0, 0]]));
  await assert.rejects(addModel(join(folder, 'x.onnx'), options(join(folder, 'models'), { pictures: (await samplePictures(undefined)).slice(0, 2) })), (error: RuthError) => {
    assert.equal(error.code, 'model_invalid');
    for (const text of [/none of the ways saw anything/, /outputs: output0 float32 \[1, 1, 6\]/, /model_weights: my-model\.onnx/, /tried ssd/]) assert.match(error.message, text);
    return true;
  });
  assert.deepEqual(readdirSync(join(folder, 'models')), []);
});

test('What cannot be a model of pictures is refused with what it takes and gives, and nothing is left', async (t) => {
  const folder = freshFolder(t);
  const pictures = (await samplePictures(undefined)).slice(0, 1);
  const refused = async (weights: Buffer, message: RegExp): Promise<void> => {
    writeFileSync(join(folder, 'x.onnx'), weights);
    await assert.rejects(addModel(join(folder, 'x.onnx'), options(join(folder, 'models'), { pictures })), (error: RuthError) => {
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(readdirSync(join(folder, 'models')), []);
  };
  await refused(Buffer.from('<html>'), /not an ONNX model/);
  await refused(constant([[1, 2]], { inputs: [{ name: 'tokens', type: 'float32', dims: [1, 77] }] }), /takes tokens float32 \[1, 77\]/);
  await refused(constant([[1, 2]], { inputs: [{ name: 'image', type: 'float32', dims: [8, 3, 64, 64] }] }), /takes 8 pictures at once/);
  await refused(constant([[1, 2, 3], [4, 5, 6]]), /output0 \[1, 2, 3\].*none of the forms/);
  await refused(constant([[1, 2]], { metadata: { task: 'segment', stride: '32' } }), /masks cannot be read yet/);
});

test('A process that takes too much memory or time is ended, and the model refused', async (t) => {
  const folder = freshFolder(t);
  const pictures = (await samplePictures(undefined)).slice(0, 1);
  writeFileSync(join(folder, 'x.onnx'), constant([[16, 16, 48, 48, 0.9, 0]]));
  const models = join(folder, 'models');
  await assert.rejects(addModel(join(folder, 'x.onnx'), options(models, { pictures, limits: { timeMs: 60_000, memoryBytes: 30e6 } })), /--memory-limit/);
  await assert.rejects(addModel(join(folder, 'x.onnx'), options(models, { pictures, limits: { timeMs: 100, memoryBytes: 4e9 } })), { code: 'timeout' });
  const stop = new AbortController();
  const stopped = assert.rejects(addModel(join(folder, 'x.onnx'), options(models, { pictures, limits: { ...LIMITS, signal: stop.signal } })), { code: 'cancelled' });
  setTimeout(() => stop.abort(), 150);
  await stopped;
  assert.deepEqual(readdirSync(models), []);
});

test('A folder with a manifest is taken by its word, one that is there already is not overwritten, a wrong hash is refused', async (t) => {
  const folder = freshFolder(t);
  const models = join(folder, 'models');
  const given = join(folder, 'given');
  mkdirSync(given);
  writeFileSync(join(given, 'w.onnx'), constant([[16, 16, 48, 48, 0.9, 0]]));
  writeFileSync(join(given, 'model.yaml'), 'model_id: mine\nmodel_name: Mine\nmodel_version: "2"\nsupported_tasks: [detect]\nmodel_type: onnx\nmodel_weights: w.onnx\noutput_schema: {format: ssd, classes: [thing]}\nexpected_resolution: {width: 64, height: 64}\nconfidence_threshold: 0.33\n');
  const pictures = (await samplePictures(undefined)).slice(0, 1);
  const added = await addModel(given, options(models, { pictures }));
  assert.deepEqual([added.id, added.manifest.confidence_threshold, added.manifest.output_schema.classes], ['mine', 0.33, ['thing']]);
  await assert.rejects(addModel(given, options(models, { pictures })), /ruth model swap mine/);
  const wrong = options(models, { pictures, id: 'other' });
  await assert.rejects(addModel(given, { ...wrong, source: { ...wrong.source, sha256: 'ab'.repeat(32) } }), { code: 'weights_mismatch' });
});

const EXPECTED = {
  'yolov8n.onnx': { format: 'yolov8', channels: 'rgb', letterbox: 'center', sees: 'person' },
  'yolov8n-int8-qdq.onnx': { format: 'yolov8', channels: 'rgb', letterbox: 'center', sees: 'person' },
  'yolox_nano.onnx': { format: 'yolox', channels: 'bgr', letterbox: 'top-left', sees: 'person' },
  'yunet_face.onnx': { format: 'yunet', channels: 'bgr', letterbox: 'top-left', sees: 'face' },
  'osnet_x0_25_msmt17.onnx': { format: 'embedding', channels: 'rgb', letterbox: 'stretch', sees: 'person' },
} as const;

for (const [file, { format, channels, letterbox, sees }] of Object.entries(EXPECTED)) {
  const path = `${DATA}models/${file}`;
  test(`${file} is recognised without a word from a person, and sees what is there`, { skip: existsSync(path) ? false : `${path} is not there: real weights are test data beside the repository` }, async (t) => {
    const folder = freshFolder(t);
    const added = await addModel(path, options(join(folder, 'models'), { pictures: await samplePictures(undefined) }));
    const { manifest, seen } = added;
    assert.deepEqual([manifest.output_schema.format, manifest.input_format?.channels, manifest.letterbox?.mode], [format, channels, letterbox]);
    if (format === 'embedding') assert.ok(manifest.normalization!.mean![0] > 123 && manifest.normalization!.mean![0] < 124);
    // Each of the six photos shows at least one person; eight bits miss some.
    assert.ok(seen.filter(({ detections }) => detections.some(({ class_name }) => class_name === sees)).length >= (file.includes('int8') ? 4 : 6));
  });
}
