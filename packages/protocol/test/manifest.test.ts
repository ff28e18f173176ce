import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseManifest, RuthError } from '../src/index.ts';

const base = `model_id: yolov8n
model_name: YOLOv8 nano
model_version: '8.0'
supported_tasks: [detect]
model_type: onnx
model_weights: yolov8n.onnx
expected_resolution: { width: 640, height: 640 }
output_schema:
  format: yolov8
  classes: [person]
`;
const sha256 = `sha256: '${'0'.repeat(64)}'\n`;

function messageOf(text: string): string {
  try {
    parseManifest(text, 'model.yaml');
  } catch (error) {
    assert.ok(error instanceof RuthError);
    assert.equal(error.code, 'invalid_manifest');
    return error.message;
  }
  return assert.fail('the manifest was accepted');
}

test('A manifest with the least there must be is accepted', () => {
  const manifest = parseManifest(base, 'model.yaml');
  assert.equal(manifest.model_id, 'yolov8n');
  assert.deepEqual(manifest.expected_resolution, { width: 640, height: 640 });
});

const remote = base.replace('model_type: onnx\nmodel_weights: yolov8n.onnx\n', 'model_type: remote\n');

test('A manifest of a model on a server elsewhere names the server, no weights', () => {
  assert.equal(parseManifest(`${remote}remote: { url: 'grpc://triton:8001', model: detector, version: '2', timeout_ms: 500 }\n`, 'model.yaml').remote?.model, 'detector');
});

for (const [name, text, expected] of [
  ['no weights', base.replace('model_weights: yolov8n.onnx\n', ''), /^model\.yaml:5:1: model_type: onnx needs model_weights, a file in the folder$/],
  ['no server', remote, /^model\.yaml:5:1: model_type: remote needs remote\.url, e\.g\. remote: \{ url: grpc:\/\/host:8001 \}$/],
  ['weights and a server', `${base}remote: { url: 'grpc://triton:8001' }\n`, /^model\.yaml:11:1: remote: does not go with model_type onnx$/],
  ['a server and weights', `${remote}remote: { url: 'grpc://triton:8001' }\nmodel_weights: a.onnx\n`, /^model\.yaml:11:1: model_weights: does not go with model_type remote$/],
  ['a server with a path', `${remote}remote: { url: 'http://triton:8000/v2/models/a' }\n`, /^model\.yaml:10:11: remote\.url cannot be "http:.*": Of the server: http:\/\/host:8000/],
  ['a password in the server\'s address', `${remote}remote: { url: 'http://me:secret@triton:8000' }\n`, /^model\.yaml:10:11: remote\.url cannot be "http:\/\/(?!me:secret).*": Of the server/],
  ['a mistyped key', base.replace('model_name', 'modle_name'), /^model\.yaml:2:1: modle_name is not a known key; did you mean model_name\?$/m],
  ['a key that is missing', base.replace('model_type: onnx\n', ''), /^model\.yaml.*: model_type is missing$/],
  ['a task that is none', base.replace('[detect]', '[detekt]'), /^model\.yaml:4:\d+: supported_tasks\.0 must be one of "detect", .*, not "detekt"$/],
  ['no task', base.replace('[detect]', '[]'), /supported_tasks must not have fewer than 1 items/],
  ['a version that YAML takes for a number', base.replace("'8.0'", '8.0'), /^model\.yaml:3:1: model_version must be string, not 8; put it in quotes$/],
  ['an output format that is none', base.replace('format: yolov8', 'format: yolov9'), /^model\.yaml:9:3: output_schema\.format must be one of/],
  ['weights outside the folder', base.replace('yolov8n.onnx', '../yolov8n.onnx'), /^model\.yaml:6:1: model_weights: "\.\.\/yolov8n\.onnx" leaves the model folder; give a path inside it$/],
  ['weights at an absolute path', base.replace('yolov8n.onnx', '/etc/passwd'), /^model\.yaml:6:1: model_weights: .* leaves the model folder/],
  ['weights that leave the folder half-way', base.replace('yolov8n.onnx', 'a/../../b.onnx'), /leaves the model folder/],
  ['class names outside the folder', base.replace('classes: [person]', 'class_names_file: /etc/passwd'), /^model\.yaml:10:3: output_schema\.class_names_file: .* leaves the model folder/],
  ['class names given twice', `${base}  class_names_file: names.txt\n`, /^model\.yaml:11:3: output_schema\.class_names_file: stands beside classes; give one of the two$/],
  ['a threshold in per cent', `${base}confidence_threshold: 40\n`, /^model\.yaml:11:1: confidence_threshold must be <= 1, not 40$/],
  ['a resolution of nothing', base.replace('width: 640', 'width: 0'), /^model\.yaml:7:24: expected_resolution\.width must be >= 16, not 0$/],
  ['a source without a checksum', `${base}source: { url: 'https://example.org/a.onnx' }\n`, /^model\.yaml:11:1: source: needs sha256 of the weights beside it$/],
  ['a source without encryption', `${base}${sha256}source: { url: 'http://example.org/a.onnx' }\n`, /^model\.yaml:12:11: source\.url cannot be "http:.*": Address of the weights: https:\/\//],
  ['half a source', `${base}${sha256}source: { package: human }\n`, /^model\.yaml:12:\d+: source\.file is missing$/],
  ['a mistyped key in a source', `${base}${sha256}source: { package: human, file: a.json, convertor: tfjs }\n`, /^model\.yaml:12:41: source\.convertor is not a known key; did you mean converter\?$/],
  ['a checksum that is none', `${base}sha256: abc\n`, /^model\.yaml:11:1: sha256 cannot be "abc": 64 digits/],
  ['a skeleton of unknown joints', `${base}  keypoint_names: [nose, left_eye]\n  skeleton: [[nose, left_ear]]\n`, /^model\.yaml:12:\d+: output_schema\.skeleton\.0: "left_ear" is no keypoint name; known: nose, left_eye$/],
  ['a mean of two channels', `${base}normalization: { mean: [0, 0] }\n`, /^model\.yaml:11:\d+: normalization\.mean must not have fewer than 3 items/],
  ['a model id with a slash', base.replace('model_id: yolov8n', 'model_id: a/b'), /^model\.yaml:1:1: model_id must be 1 to 63 letters/],
] as const) {
  test(`A manifest with ${name} is refused, naming file, line, key and what would be right`, () => assert.match(messageOf(text), expected));
}

test('The manifests of the built-in models are accepted, and their folders bear their ids', () => {
  const models = new URL('../../../models/', import.meta.url);
  const folders = readdirSync(models, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.ok(folders.length >= 2);
  for (const folder of folders) {
    const file = new URL(`${folder}/model.yaml`, models);
    assert.equal(parseManifest(readFileSync(file, 'utf8'), file.pathname).model_id, folder);
  }
});
