import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { InferRequest, validator } from '@ruth/protocol';
import { serve } from './ipc-harness.ts';

const client = fileURLToPath(new URL('../../../examples/python-client/client.py', import.meta.url));
const run = (...args: string[]): Promise<{ stdout: string }> => promisify(execFile)('python3', [client, ...args], { timeout: 30_000 });

test('The simplest client there is, in another language, works unchanged: connect, one request, one answer, close', async (t) => {
  const response = {
    model_id: 'yolov8n', camera_id: 'camera_1', frame_id: 42,
    detections: [{ class_id: 0, class_name: 'person', confidence: 0.85, bbox: [0.1, 0.1, 0.3, 0.5] }], metadata: { inference_time_ms: 42.3 }, error: null,
  };
  const requests: unknown[] = [];
  const server = await serve(t, { handle: async (message) => { requests.push(validator(InferRequest).parse(message)); return response; } });
  for (let round = 0; round < 2; round++) {
    const { stdout } = await run(server.path, '/dev/shm/vas_frames_camera_1', '42', 'camera_1', 'yolov8n');
    assert.deepEqual(JSON.parse(stdout), response);
  }
  assert.deepEqual(requests[0], { frame_reference: '/dev/shm/vas_frames_camera_1', frame_metadata: { frame_id: 42 }, camera_id: 'camera_1', model_id: 'yolov8n' });
  assert.equal(server.counters.accepted, 2);
});

test('The simple client reads an error answer too, and an answer of many kilobytes', async (t) => {
  const detections = Array.from({ length: 2000 }, (_, index) => ({ class_id: index, class_name: 'café', confidence: 0.5, bbox: [0, 0, 1, 1] }));
  const server = await serve(t, { handle: async (message) => ({ ...(message as object), detections }) });
  const { stdout } = await run(server.path, '/dev/shm/vas_frames_a', '1', 'a', 'm');
  assert.deepEqual((JSON.parse(stdout) as { detections: unknown }).detections, detections);
  const refusing = await serve(t, { handle: async () => { throw new Error('no'); } });
  assert.deepEqual(JSON.parse((await run(refusing.path, '/dev/shm/vas_frames_a', '1', 'a', 'm')).stdout), { error: 'no', error_code: 'internal' });
});
