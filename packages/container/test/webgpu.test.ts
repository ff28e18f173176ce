// The WebGPU path where there is no GPU: on SwiftShader, the software Vulkan driver that comes with Chromium. It is slow, so the model is small.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { COLOUR_MATRIX, COLOUR_RANGE, type DescribeResponse, type InferResponse } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import { freshFolder, MANIFEST, modelFolder, startProcess, TIMEOUT_MS } from './harness.ts';
import { onnxFile } from './onnx-writer.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const CELLS = 16;

/** Sixteen boxes, whose corners and scores a convolution makes of what is in sixteen parts of the picture. */
function cellsModel(): Buffer {
  const weights = Float32Array.from({ length: 6 * 3 * 16 * 16 }, (_, index) => Math.sin(index * 12.9898) * 0.05);
  return onnxFile({
    inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }],
    nodes: [
      { op: 'Conv', inputs: ['image', 'weights'], output: 'parts', attributes: { kernel_shape: [16, 16], strides: [16, 16] } },
      { op: 'Sigmoid', inputs: ['parts'], output: 'shares' }, { op: 'Transpose', inputs: ['shares'], output: 'cells', attributes: { perm: [0, 2, 3, 1] } },
      { op: 'Reshape', inputs: ['cells', 'shape'], output: 'flat' }, { op: 'Mul', inputs: ['flat', 'sizes'], output: 'sized' }, { op: 'Add', inputs: ['sized', 'places'], output: 'rows' },
    ],
    constants: { weights, shape: BigInt64Array.of(1n, BigInt(CELLS), 6n), sizes: Float32Array.of(28, 28, 28, 28, 1, 0), places: Float32Array.of(0, 0, 34, 34, 0, 0) },
    constantDims: { weights: [6, 3, 16, 16], sizes: [1, 1, 6], places: [1, 1, 6] },
    outputs: [{ name: 'rows', type: 'float32', dims: [1, CELLS, 6] }],
  });
}

interface Started { readonly described: DescribeResponse; readonly look: InferResponse }

/** A container process, confined as always, with that driver and no other. Throws what it says where it does not start. */
async function started(t: TestContext, resources: string, driver: string): Promise<Started> {
  const [socketDirectory, ringDirectory] = [freshFolder(t), freshFolder(t, '/dev/shm')];
  const folder = modelFolder(t, { weights: cellsModel(), manifest: `${MANIFEST.replace('nms_iou_threshold: 0.5', 'nms_iou_threshold: 1')}resource_requirements: { sessions: 1, ${resources} }\n` });
  const process = startProcess(t, folder, { socketDirectory, ringDirectory, env: { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver } });
  const message = await process.message;
  if (message.type !== 'ready') throw Object.assign(new Error('it did not start'), message);
  await using client = new IpcClient((message.details as { socket: string }).socket);
  const described = await client.request({ type: 'describe' }, { timeoutMs: TIMEOUT_MS }) as DescribeResponse;
  const ring = RingWriter.create({ cameraId: 'cam', width: 64, height: 64, format: 'NV12', slotCount: 2, ringDirectory });
  t.after(() => ring.close());
  for (const [index, plane] of ring.begin().planes.entries()) for (let at = 0; at < plane.length; at++) plane[at] = index === 0 ? at * 7 % 251 : 100 + at % 50;
  const frame_id = ring.publish({ ptsUs: 0, capturedAtUs: 0, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.full, epoch: 0 });
  const look = await client.request({ frame_reference: ring.path, frame_metadata: { frame_id }, camera_id: 'cam', model_id: 'probe', config: { confidence_threshold: 0 } }, { timeoutMs: TIMEOUT_MS }) as InferResponse;
  process.child.kill('SIGTERM');
  await process.exit;
  return { described, look };
}

test('On WebGPU a model sees what it sees on the CPU, in a container that is confined', { skip: existsSync(SWIFTSHADER) ? false : `${SWIFTSHADER} is not there: it comes with Debian's chromium` }, async (t) => {
  const gpu = await started(t, 'device: webgpu, gpu_required: true', SWIFTSHADER);
  assert.deepEqual(gpu.described.device_choice, { asked: 'webgpu', reason: 'as asked' });
  assert.deepEqual([gpu.described.device, gpu.look.error, gpu.look.metadata.device], ['webgpu', null, 'webgpu']);
  const cpu = await started(t, 'device: cpu', SWIFTSHADER);
  assert.deepEqual([cpu.described.device, cpu.look.detections.length], ['cpu', CELLS]);
  for (const [index, { confidence, bbox }] of cpu.look.detections.entries()) {
    const same = gpu.look.detections[index]!;
    for (const [value, expected] of [[same.confidence, confidence], ...bbox.map((edge, at) => [same.bbox[at]!, edge])] as [number, number][]) assert.ok(Math.abs(value - expected) < 1e-3, `${value} instead of ${expected}`);
  }
  assert.ok(new Set(cpu.look.detections.map(({ bbox }) => String(bbox))).size > CELLS / 2, 'the picture makes a difference');
});

test('Without a driver a model that needs a GPU is refused with the reason; one that may fall back runs on the CPU, and says why', async (t) => {
  await assert.rejects(started(t, 'device: webgpu, gpu_required: true', '/nowhere.json'), { type: 'failed', code: 'device_unavailable' });
  const { described, look } = await started(t, 'device: webgpu, cpu_fallback_allowed: true', '/nowhere.json');
  assert.equal(described.device_choice?.asked, 'webgpu');
  assert.match(described.device_choice.reason, /^webgpu cannot be used here: .*adapter/);
  assert.deepEqual([described.device, look.metadata.device, look.detections.length], ['cpu', 'cpu', CELLS]);
});
