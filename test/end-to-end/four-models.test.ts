// One camera, four models, live: a detector and a container in Python look at whole frames, a pose model follows the detector's people, a second
// detector looks closer at each track once in a while. All of it over one decoded stream, told to core while it runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { coreSocketPath, type CameraStatus, type Intent, type Look, type SubscriptionStatus } from '@ruth/protocol';
import { root, RunningRuth } from './running-ruth.ts';

const DETECTOR = 'centernet-coco';
const POSE = 'movenet-lightning';

test('one camera is looked at by four models, two of them in a cascade, and decoded once', async () => {
  const models = mkdtempSync(join(tmpdir(), 'ruth-four-'));
  const closer = join(models, 'closer');
  cpSync(join(root, 'models', DETECTOR), closer, { recursive: true });
  const manifest = join(closer, 'model.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(`model_id: ${DETECTOR}`, 'model_id: closer'));
  try {
    await using ruth = await RunningRuth.start(['demo'], { models: [{ id: DETECTOR }, { id: POSE }, { id: 'closer', folder: closer }] });
    const bright = spawn('python3', [
      join(root, 'examples/python-container/container.py'), '--model-id', 'bright', '--socket-directory', ruth.socketDirectory, '--ring-directory', ruth.ringDirectory,
    ], { stdio: 'ignore' });
    const brightEnded = once(bright, 'exit');
    try {
      const regions = { model: DETECTOR, classes: ['person'] };
      await put(coreSocketPath(ruth.socketDirectory), {
        revision: 1, cameras: { demo: { subscriptions: [
          { model: DETECTOR, desired_fps: 4, priority: 80 }, { model: 'bright', desired_fps: 2 },
          { model: POSE, desired_fps: 2, regions: { ...regions, max_regions: 2 } }, { model: 'closer', desired_fps: 4, regions: { ...regions, once_per_track_s: 5, max_regions: 1 } },
        ] } },
      });
      const statuses = await ruth.until('every model has answered', async () => {
        const all = await ruth.get<SubscriptionStatus[]>('/api/v1/subscriptions');
        return all.length === 4 && all.every(({ answered }) => answered >= 3) && all;
      }, 180_000);
      assert.deepEqual(statuses.map(({ model_id }) => model_id), [DETECTOR, 'bright', POSE, 'closer']);
      for (const { due, sent, drops } of statuses) assert.equal(due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0));
      const [camera] = await ruth.get<CameraStatus[]>('/api/v1/cameras');
      assert.equal(camera!.leased_fps, 4, 'one lease at the rate of the fastest');
      const looks = await ruth.until('a pose that says whose it is', async () => {
        const latest = await ruth.get<Look[]>('/api/v1/detections/latest?camera=demo');
        return latest.find(({ model_id }) => model_id === POSE)?.detections.some(({ of_track, keypoints }) => of_track !== undefined && keypoints?.length === 17) && latest;
      });
      assert.equal(looks.length, 4);
      await ruth.stop('SIGINT');
    } finally {
      bright.kill('SIGKILL');
      await brightEnded;
    }
  } finally {
    rmSync(models, { recursive: true, force: true });
  }
});

async function put(socketPath: string, intent: Intent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  request({ socketPath, method: 'PUT', path: '/v1/intent', headers: { 'content-type': 'application/json' } }, (response) => {
    void response.toArray().then((chunks) => (response.statusCode === 200 ? resolve() : reject(new Error(Buffer.concat(chunks as Buffer[]).toString()))));
  }).on('error', reject).end(JSON.stringify(intent));
  await promise;
}
