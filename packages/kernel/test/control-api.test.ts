import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { CameraStatus, ErrorBody, LeaseGrant, ProcessHealth, validator } from '@ruth/protocol';
import { parseSettings } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { Kernel } from '../src/index.ts';
import { ask, TestFolders, TestKernel } from './test-kernel.ts';

// Nobody listens there: the API does not need a camera that works.
const cameras = [{ id: 'front', url: 'rtsp://joe:s3cret@127.0.0.1:9/stream' }];

test('health and cameras answer as protocol says, without credentials, on a socket of the owner alone', async () => {
  await using kernel = await TestKernel.start(cameras);
  const { socketPath } = kernel.kernel;
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
  const health = await ask(socketPath, 'GET', '/v1/health');
  assert.deepEqual(validator(ProcessHealth).violations(health.body), []);
  const list = await ask(socketPath, 'GET', '/v1/cameras');
  assert.equal((list.body as unknown as unknown[]).length, 1);
  const one = await ask(socketPath, 'GET', '/v1/cameras/front');
  assert.deepEqual(validator(CameraStatus).violations(one.body), []);
  assert.doesNotMatch(JSON.stringify([list.body, one.body]), /s3cret|joe/);
});

test('a lease is granted, renewed and ended; it names where the frames will be', async () => {
  await using kernel = await TestKernel.start(cameras);
  const { socketPath } = kernel.kernel;
  for (const fps of [5, 10]) {
    const { status, body } = await ask(socketPath, 'PUT', '/v1/leases/agent-1', { camera_id: 'front', fps, ttl_ms: 5000 });
    assert.equal(status, 200);
    assert.deepEqual(validator(LeaseGrant).violations(body), []);
    assert.equal(body.frame_reference, `${kernel.folders.rings}/vas_frames_front`);
    assert.equal(kernel.kernel.camera('front').leased_fps, fps);
  }
  assert.equal((await ask(socketPath, 'DELETE', '/v1/leases/agent-1')).status, 204);
  assert.equal((await ask(socketPath, 'DELETE', '/v1/leases/agent-1')).status, 204);
  assert.equal(kernel.kernel.camera('front').leased_fps, 0);
});

test('a lease that nobody renews ends', async () => {
  await using kernel = await TestKernel.start(cameras);
  kernel.lease('front', 5, 500);
  assert.equal(kernel.kernel.camera('front').leased_fps, 5);
  await kernel.until('front', ({ leased_fps: fps }) => fps === 0, 'is not leased');
});

test('every wrong request gets an error of the table', async () => {
  await using kernel = await TestKernel.start(cameras);
  const lease = { camera_id: 'front', fps: 5, ttl_ms: 5000 };
  for (const [method, path, body, status, code] of [
    ['GET', '/v1/cameras/back', undefined, 404, 'camera_not_found'], ['GET', '/v1/cameras/..%2f..%2fetc', undefined, 400, 'invalid_id'],
    ['PUT', '/v1/leases/a', { ...lease, camera_id: 'back' }, 404, 'camera_not_found'], ['PUT', '/v1/leases/a', { ...lease, fps: 0 }, 400, 'bad_request'],
    ['PUT', '/v1/leases/a', { ...lease, ttl_ms: 10 }, 400, 'bad_request'], ['PUT', '/v1/leases/a', '{"camera_id":', 400, 'bad_request'],
    ['PUT', '/v1/leases/%20', lease, 400, 'invalid_id'], ['GET', '/v1/nothing', undefined, 404, 'not_found'], ['POST', '/v1/cameras', {}, 404, 'not_found'],
  ] as const) {
    const answer = await ask(kernel.kernel.socketPath, method, path, body);
    assert.deepEqual([answer.status, answer.body.error_code], [status, code], `${method} ${path}`);
    assert.deepEqual(validator(ErrorBody).violations(answer.body), []);
  }
});

test('a second kernel on the same socket is refused, and the first goes on', async () => {
  await using kernel = await TestKernel.start(cameras);
  await assert.rejects(TestKernel.start(cameras, kernel.folders), { code: 'socket_in_use' });
  assert.equal((await ask(kernel.kernel.socketPath, 'GET', '/v1/health')).status, 200);
});

test('a kernel without a folder for its rings does not start, and says which and what helps', async () => {
  await using folders = await TestFolders.make();
  const settings = { ...parseSettings('', 'test'), socketDirectory: folders.sockets, ringDirectory: `${folders.rings}/gone` };
  await assert.rejects(Kernel.start({ settings, logger: createLogger('kernel', 'silent') }), { code: 'invalid_config', message: /ring_directory .*gone .*make the folder/ });
});
