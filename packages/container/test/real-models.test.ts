import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { InferResponse, validator, type Detection, type InferRequest } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import { publishPicture } from '../../../bench/accuracy/looks.ts';
import { chooseModel } from '../../../bench/accuracy/model-choice.ts';
import { COLOURS, readPicture, type Colour } from '../../../bench/accuracy/picture.ts';
import { PlainDetector } from '../../../bench/accuracy/plain.ts';
import { serveModel } from '../src/index.ts';
import { freshFolder, TIMEOUT_MS } from './harness.ts';

const DATA = new URL('../../../../shared/data/', import.meta.url).pathname;
const MODELS = new URL('../../../models/', import.meta.url).pathname;
const BUS = `${DATA}images/bus.jpg`;

const lacks = (...paths: string[]): string | false => {
  const missing = paths.find((path) => !existsSync(path));
  return missing === undefined ? false : `${missing} is not there: real weights and pictures are test data beside the repository, or made by npm run setup`;
};

/** What the model finds on the picture of a bus, sent in that colour. */
async function lookAtBus(t: TestContext, modelPath: string, colours: readonly Colour[], config?: InferRequest['config']): Promise<Detection[][]> {
  const ringDirectory = freshFolder(t, '/dev/shm');
  await using container = await serveModel(await chooseModel(modelPath), { ringDirectory, socketDirectory: freshFolder(t), sessions: 1 });
  await using client = new IpcClient(container.socketPath);
  const { model_id } = await client.request({ type: 'describe' }, { timeoutMs: TIMEOUT_MS }) as { model_id: string };
  const answers: Detection[][] = [];
  for (const colour of colours) {
    const picture = await readPicture(BUS, colour);
    using ring = RingWriter.create({ cameraId: 'bus', width: picture.width, height: picture.height, format: 'NV12', slotCount: 2, ringDirectory });
    const frame_id = publishPicture(ring, picture);
    const request: InferRequest = { frame_reference: ring.path, frame_metadata: { frame_id }, camera_id: 'bus', model_id, ...(config && { config }) };
    const answer = validator(InferResponse).parse(await client.request(request, { timeoutMs: TIMEOUT_MS }));
    assert.equal(answer.error, null);
    answers.push(answer.detections);
  }
  return answers;
}

const count = (detections: readonly Detection[], name: string, confidence: number): number => detections.filter((found) => found.class_name === name && found.confidence >= confidence).length;
const near = (found: readonly number[], expected: readonly number[], tolerance: number): boolean => found.every((value, index) => Math.abs(value - expected[index]!) <= tolerance);

/** What a few lines that take the image's own RGB are sure of, the container saw too: there, of that class, as sure. */
async function assertSeenPlainly(modelPath: string, detections: readonly Detection[]): Promise<void> {
  const { manifest, weightsPath } = await chooseModel(modelPath);
  const { width, height } = await readPicture(BUS, 'bt601-full');
  const sure = (await (await PlainDetector.load(weightsPath, manifest)).look(BUS)).filter(({ score }) => score >= 0.5);
  assert.ok(sure.length >= 3);
  for (const { classId, score, left, top, right, bottom } of sure) {
    const box = [left / width, top / height, right / width, bottom / height];
    assert.ok(detections.some((found) => found.class_id === classId && near(found.bbox, box, 0.02) && Math.abs(found.confidence - score) < 0.08), `class ${classId} with ${score} at ${box.join(', ')} was not seen`);
  }
}

test('yolov8n finds the bus and four people where they are, in whatever colour the frame comes', { skip: lacks(`${DATA}models/yolov8n.onnx`, BUS) }, async (t) => {
  for (const detections of await lookAtBus(t, `${DATA}models/yolov8n.onnx`, Object.keys(COLOURS) as Colour[])) {
    assert.equal(count(detections, 'bus', 0.5), 1);
    assert.equal(count(detections, 'person', 0.3), 4);
    assert.ok(near(detections.find((found) => found.class_name === 'bus')!.bbox, [0.03, 0.21, 0.98, 0.7], 0.05));
    await assertSeenPlainly(`${DATA}models/yolov8n.onnx`, detections);
  }
});

test('yolox_nano, which wants blue first and the picture in the corner, finds them too', { skip: lacks(`${DATA}models/yolox_nano.onnx`, BUS) }, async (t) => {
  const [detections] = await lookAtBus(t, `${DATA}models/yolox_nano.onnx`, ['bt709-limited']);
  assert.equal(count(detections!, 'bus', 0.5), 1);
  assert.ok(count(detections!, 'person', 0.5) >= 3);
  assert.ok(near(detections!.find((found) => found.class_name === 'bus')!.bbox, [0.03, 0.21, 0.98, 0.7], 0.06));
  await assertSeenPlainly(`${DATA}models/yolox_nano.onnx`, detections!);
});

test('The built-in detector finds the bus and people', { skip: lacks(`${MODELS}centernet-coco/centernet-coco.onnx`, BUS) }, async (t) => {
  const [detections] = await lookAtBus(t, `${MODELS}centernet-coco`, ['bt709-limited']);
  assert.equal(count(detections!, 'bus', 0.4), 1);
  assert.ok(count(detections!, 'person', 0.4) >= 3);
  await assertSeenPlainly(`${MODELS}centernet-coco`, detections!);
});

test('The built-in pose model, shown one person, finds the keypoints on that person', { skip: lacks(`${MODELS}movenet-lightning/movenet-lightning.onnx`, BUS) }, async (t) => {
  const person = [0.04, 0.34, 0.33, 0.87] as const;
  const [[pose]] = await lookAtBus(t, `${MODELS}movenet-lightning`, ['bt709-limited'], { roi: [...person] }) as [[Detection]];
  assert.equal(pose.keypoints?.length, 17);
  const [nose, , , , , , , , , , , , , , , leftAnkle] = pose.keypoints;
  // Head up and feet down, all inside the region.
  assert.ok(nose![1] < 0.5 && leftAnkle![1] > 0.7);
  for (const [x, y, score] of pose.keypoints) if (score > 0.3) assert.ok(x >= person[0] && x <= person[2] && y >= person[1] && y <= person[3]);
});
