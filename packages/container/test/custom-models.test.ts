import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RingWriter } from '@ruth/transport';
import { IpcClient } from '@ruth/transport';
import type { HealthResponse, InferResponse } from '@ruth/protocol';
import { loadModel, serveModel } from '../src/index.ts';
import { customAnswer } from '../src/service/custom-answer.ts';
import { freshFolder, publishGrey, startProcess, TIMEOUT_MS } from './harness.ts';

const GUIDE = readFileSync(new URL('../../../docs/custom-models.md', import.meta.url), 'utf8');
/** The block of the guide that follows the name of its file. */
const fromGuide = (file: string): string => new RegExp(`\`models/glow/${file}\`:\\n\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(GUIDE)![1]!;
const MANIFEST = fromGuide('model.yaml');

function customFolder(t: TestContext, module: string, manifest = MANIFEST): string {
  const folder = join(freshFolder(t), 'glow');
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.yaml'), manifest);
  writeFileSync(join(folder, 'model.ts'), module);
  return folder;
}

async function serve(t: TestContext, module: string) {
  const ringDirectory = freshFolder(t, '/dev/shm');
  const container = await serveModel(await loadModel(customFolder(t, module)), { ringDirectory, socketDirectory: freshFolder(t) });
  const client = new IpcClient(container.socketPath);
  const ring = RingWriter.create({ cameraId: 'cam', width: 640, height: 360, format: 'NV12', slotCount: 4, ringDirectory });
  t.after(async () => {
    await client.close();
    await container.close();
    ring.close();
  });
  const ask = async (frameId: number, config: object = {}): Promise<InferResponse> => await client.request({
    frame_reference: ring.path, frame_metadata: { frame_id: frameId }, camera_id: 'cam', model_id: 'glow', config,
  }, { timeoutMs: TIMEOUT_MS }) as InferResponse;
  return { container, ring, ask };
}

const model = (infer: string): string => `import { defineModel } from '@ruth/container';\nexport default defineModel({ load: () => null, ${infer} });\n`;

test('The model of the guide runs as it stands there, and finds what glows where it is', async (t) => {
  const { ring, ask, container } = await serve(t, fromGuide('model.ts'));
  const dark = publishGrey(ring, 20);
  const slot = ring.begin();
  for (const [index, plane] of slot.planes.entries()) plane.fill(index === 0 ? 20 : 128);
  for (let y = 90; y < 180; y++) slot.planes[0]!.fill(255, y * slot.strides[0]! + 160, y * slot.strides[0]! + 480);
  const lit = ring.publish({ ptsUs: 0, capturedAtUs: 0, colourMatrix: 1, colourRange: 2, epoch: 0 });
  assert.deepEqual((await ask(dark)).detections, []);
  const { detections: [found], error } = await ask(lit);
  assert.equal(error, null);
  assert.deepEqual([found!.class_name, found!.class_id], ['glow', 0]);
  for (const [index, side] of [0.25, 0.25, 0.75, 0.5].entries()) assert.ok(Math.abs(found!.bbox[index]! - side) < 0.02, String(found!.bbox));
  assert.deepEqual((await ask(lit, { confidence_threshold: 1 })).detections.length, found!.confidence === 1 ? 1 : 0);
  assert.equal(container.health().status, 'ready');
});

test('A custom model gets planes that are its own, may answer late, and hears that its answer is not needed any more', async (t) => {
  const { ring, ask, container } = await serve(t, model(`
    async infer(_, { frame, signal }) {
      frame.planes[0].fill(0);
      const { width, height, strides, planes } = frame;
      if (width === 640) await new Promise((resolve, reject) => { const timer = setTimeout(resolve, 100); signal.addEventListener('abort', () => { clearTimeout(timer); reject(new Error('given up')); }); });
      return [{ class_name: 'glow', confidence: 1, bbox: [0, 0, 1, 1], attributes: { width, height, strides, planes: planes.map((plane) => plane.length), chroma: planes[1][0] } }];
    }`));
  const frame = publishGrey(ring, 200);
  const { detections: [found] } = await ask(frame);
  assert.deepEqual(found!.attributes, { width: 640, height: 360, strides: [640, 640], planes: [230400, 115200], chroma: 128 });
  // Core tells parts of milliseconds, too.
  for (const deadline of [20, 20.4]) assert.equal((await ask(frame, { deadline_ms: deadline })).error_code, 'deadline_exceeded');
  assert.equal((await ask(frame, { deadline_ms: 5000.5 })).error, null);
  assert.equal(container.health().status, 'ready');
});

test('What a custom model throws, or answers wrongly, is an error that says so, never "nothing seen"', async (t) => {
  const { ring, ask } = await serve(t, model(`
    infer(_, { frame, toTensor }) {
      const brightness = frame.planes[0][0];
      if (brightness === 10) throw new Error('out of ideas');
      if (brightness === 20) return [{ class_name: 'glow', confidence: 1, bbox: [0, 0, 1.5, 1] }];
      if (brightness === 30) return [() => 1];
      return toTensor({ size: { width: 32, height: 32 }, dtype: 'uint8', layout: 'nhwc' }).dims.length === 4 ? [] : null;
    }`));
  for (const [brightness, message] of [[10, /^out of ideas$/], [20, /detections\[0\].*bbox/], [30, /could not be cloned/]] as const) {
    const answer = await ask(publishGrey(ring, brightness));
    assert.equal(answer.error_code, 'inference_failed');
    assert.match(answer.error ?? '', message);
  }
  assert.deepEqual([(await ask(publishGrey(ring, 40))).error, (await ask(99)).error_code], [null, 'frame_not_found']);
});

test('A module that is none, fails, or answers wrongly from the start is refused with its reason', async (t) => {
  const refused = async (module: string, message: RegExp): Promise<void> => {
    const loaded = await loadModel(customFolder(t, module));
    await assert.rejects(serveModel(loaded, { socketDirectory: freshFolder(t) }), (error: Error & { code: string }) => error.code === 'model_invalid' && message.test(error.message));
  };
  await refused('export default 7;', /default export is not what defineModel/);
  await refused(`throw new Error('no licence');`, /cannot be loaded: no licence/);
  await refused(`export default { load() { throw new Error('no weights'); }, infer: () => [] };`, /load\(\) failed: no weights/);
  await refused(model('infer: () => "nothing"'), /must give an array of detections, not string/);
  await assert.rejects(loadModel(customFolder(t, '', MANIFEST.replace('model.ts', 'model.onnx'))), { code: 'invalid_manifest', message: /is no module/ });
});

test('Detections of a custom model are completed, limited and put in order', () => {
  const limits = { confidenceThreshold: 0.5, maxDetections: 2 };
  const box = [0, 0, 1, 1];
  const classes = ['cat', 'dog'];
  const found = customAnswer([{ class_name: 'dog', confidence: 0.6, bbox: box }, { class_id: 0, confidence: 0.9, bbox: box }, { class_id: 1, confidence: 0.7, bbox: box }, { class_id: 1, confidence: 0.1, bbox: box }], { classes }, limits);
  assert.deepEqual(found.map(({ class_name, class_id, confidence, track_id }) => [class_name, class_id, confidence, track_id]), [['cat', 0, 0.9, null], ['dog', 1, 0.7, null]]);
  assert.deepEqual(customAnswer([{ class_id: 1, confidence: 1, bbox: box }], { classes }, { ...limits, classIds: [0] }), []);
  assert.throws(() => customAnswer([{ class_name: 'cow', confidence: 1, bbox: box }], { classes }, limits), { message: /detections\[0\] is of "cow", class 0; model.yaml lists cat, dog/ });
  assert.throws(() => customAnswer([{ class_id: 0, confidence: 1, bbox: [0.5, 0, 0.5, 1] }], { classes }, limits), { message: /has no area/ });
});

test('A model that leaks asks for a successor at its limit, serves on until that has the socket, and drains: no request is lost', async (t) => {
  const leaking = model(`
    infer(_, { frame }) {
      if (frame.width === 640) (globalThis.kept ??= []).push(Buffer.alloc(8 * 1024 * 1024, 1));
      return [];
    }`);
  const [socketDirectory, ringDirectory] = [freshFolder(t), freshFolder(t, '/dev/shm')];
  const folder = customFolder(t, leaking, `${MANIFEST}resource_requirements: {memory_mb: 400}\n`);
  const first = startProcess(t, folder, { socketDirectory, ringDirectory });
  const { details: { socket } } = await first.message as { details: { socket: string } };
  const ring = RingWriter.create({ cameraId: 'cam', width: 640, height: 360, format: 'NV12', slotCount: 4, ringDirectory });
  t.after(() => ring.close());
  const frame = publishGrey(ring, 0);
  await using client = new IpcClient(socket);
  const errors: unknown[] = [];
  let over = false;
  const asking = (async () => {
    for (; !over;) {
      const { error } = await client.request({ frame_reference: ring.path, frame_metadata: { frame_id: frame }, camera_id: 'cam', model_id: 'glow' }, { timeoutMs: TIMEOUT_MS }) as InferResponse;
      if (error !== null) errors.push(error);
      // What it has leaked by the time its successor is there shall not fill the machine of the test.
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  })();
  const [recycle] = await once(first.child, 'message') as [{ type: string; reason: string }];
  assert.deepEqual([recycle.type, /manifest grants 400/.test(recycle.reason)], ['recycle', true]);
  const second = startProcess(t, folder, { socketDirectory, ringDirectory, takeOver: true });
  assert.equal((await second.message).type, 'ready');
  first.child.send({ type: 'drain' });
  assert.deepEqual(await first.exit, [0, null]);
  over = true;
  await asking;
  assert.deepEqual(errors, []);
  const { counters } = await client.request({ type: 'health' }, { timeoutMs: TIMEOUT_MS }) as HealthResponse;
  assert.ok(counters.process_private_bytes! < 400 * 1024 * 1024, `${counters.process_private_bytes} bytes`);
});
