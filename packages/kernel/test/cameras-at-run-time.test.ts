import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CameraStatus, ErrorBody, validator } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { ask, TestKernel, until } from './test-kernel.ts';

// Nobody listens there.
const nowhere = 'rtsp://joe:s3cret@127.0.0.1:9/stream';
const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const clips = noCamera ? null : resources.use(await Clips.open());

test('a camera is added, changed and removed while another one streams on untouched', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ one: launch.h264(await clips!.make('one.mp4')), two: launch.h264(await clips!.make('two.mp4', { size: '160x120' })) });
  await using kernel = await TestKernel.start([{ id: 'first', url: camera.url('one') }]);
  const { socketPath } = kernel.kernel;
  const first = await kernel.streaming('first');

  const added = await ask(socketPath, 'PUT', '/v1/cameras/second', { id: 'second', url: camera.url('two', 'joe:s3cret') });
  assert.equal(added.status, 200);
  assert.deepEqual(validator(CameraStatus).violations(added.body), []);
  assert.doesNotMatch(JSON.stringify(added.body), /s3cret/);
  const second = await kernel.streaming('second');
  assert.deepEqual([second.width, second.name], [160, 'second']);
  kernel.lease('second', 5);

  const renamed = await ask(socketPath, 'PUT', '/v1/cameras/second', { id: 'second', name: 'Gate', note: 'north', url: camera.url('two', 'joe:s3cret') });
  assert.deepEqual([renamed.body.name, renamed.body.note, renamed.body.pid], ['Gate', 'north', second.pid]);

  await ask(socketPath, 'PUT', '/v1/cameras/second', { id: 'second', url: camera.url('one') });
  const moved = await kernel.until('second', ({ state, width }) => state === 'streaming' && width === 320, 'shows the other stream');
  assert.notEqual(moved.pid, second.pid);
  assert.equal(moved.leased_fps, 5, 'who leased it still does');

  assert.equal((await ask(socketPath, 'DELETE', '/v1/cameras/second')).status, 204);
  assert.deepEqual(kernel.kernel.cameras().map(({ camera_id: id }) => id), ['first']);
  assert.equal((await ask(socketPath, 'PUT', '/v1/leases/lease-second', { camera_id: 'second', fps: 5, ttl_ms: 5000 })).body.error_code, 'camera_not_found');
  assert.throws(() => process.kill(moved.pid!, 0), { code: 'ESRCH' });
  await until(() => kernel.folders.ringFiles(), (files) => files.length === 0, 'its ring is gone');

  const still = kernel.kernel.camera('first');
  assert.deepEqual([still.state, still.pid, still.counters.reconnects, still.counters.restarts], ['streaming', first.pid, 0, 0]);
});

test('changes of one camera that come at once leave one process, with the last settings', async () => {
  await using kernel = await TestKernel.start([]);
  const puts = Array.from({ length: 8 }, (_, index) => kernel.kernel.putCamera({ id: 'gate', url: `${nowhere}${index}` }));
  const removed = kernel.kernel.removeCamera('gate');
  const last = kernel.kernel.putCamera({ id: 'gate', name: 'Last', url: nowhere });
  await Promise.all([...puts, removed, last]);
  assert.deepEqual(kernel.kernel.cameras().map(({ name }) => name), ['Last']);
});

test('a kernel that stops lets no change begin', async () => {
  await using kernel = await TestKernel.start([]);
  const change = kernel.kernel.putCamera({ id: 'gate', url: nowhere });
  await kernel.kernel.close();
  await change.catch(() => undefined);
  await assert.rejects(kernel.kernel.putCamera({ id: 'other', url: nowhere }), { code: 'shutting_down' });
});

test('what is no camera is refused, without its password', async () => {
  await using kernel = await TestKernel.start([]);
  for (const [path, body, code] of [
    ['gate', { id: 'other', url: nowhere }, 'bad_request'], ['gate', { id: 'gate', url: 'http://joe:s3cret@h/' }, 'bad_request'],
    ['gate', { id: 'gate', url: nowhere, detect_url: 'file:///etc/passwd' }, 'bad_request'], ['gate', { id: 'gate' }, 'bad_request'],
    ['..%2fgate', { id: 'gate', url: nowhere }, 'invalid_id'], ['gate', { id: 'gate', url: nowhere, colour: 1 }, 'bad_request'],
  ] as const) {
    const answer = await ask(kernel.kernel.socketPath, 'PUT', `/v1/cameras/${path}`, body);
    assert.deepEqual(validator(ErrorBody).violations(answer.body), []);
    assert.equal(answer.body.error_code, code, JSON.stringify(answer.body));
    assert.doesNotMatch(JSON.stringify(answer.body), /s3cret/);
  }
  assert.equal((await ask(kernel.kernel.socketPath, 'DELETE', '/v1/cameras/gate')).body.error_code, 'camera_not_found');
  assert.deepEqual(kernel.kernel.cameras(), []);
});
