import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { CameraStatus } from '@ruth/protocol';
import { ask, TestFolders, TestKernel, until } from './test-kernel.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';

let clips: Clips;
let camera: RealCamera;
const real = { skip: noCamera };

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  camera = await RealCamera.start({ cam: launch.h264(await clips.make('cam.mp4', { seconds: 120 })) });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** The kernel as a process of its own. */
async function spawnKernel(folders: TestFolders, cameras: readonly string[]): Promise<{ process: ChildProcess; statuses: () => Promise<CameraStatus[]> }> {
  const file = `${folders.sockets}/ruth.yaml`;
  await writeFile(file, folders.settingsText(cameras.map((id) => ({ id, url: camera.url('cam', 'joe:s3cret') }))));
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, '-c', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.on('data', () => undefined);
  const socketPath = `${folders.sockets}/vas_kernel.sock`;
  const statuses = async (): Promise<CameraStatus[]> =>
    ask(socketPath, 'GET', '/v1/cameras').then(({ body }) => body as unknown as CameraStatus[], () => []);
  const up = await until(statuses, (list) => list.length === cameras.length && list.every(({ state }) => state === 'streaming'), 'the kernel streams');
  for (const { camera_id } of up) await ask(socketPath, 'PUT', `/v1/leases/${camera_id}`, { camera_id, fps: 240, ttl_ms: 60_000 });
  await until(statuses, (list) => list.every(({ counters }) => counters.published > 0), 'all publish');
  return { process: child, statuses };
}

test('an ingest process that is killed costs the other cameras nothing, and comes back', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'victim', url: camera.url('cam') }, { id: 'other', url: camera.url('cam') }]);
  for (const id of ['victim', 'other']) kernel.lease(id, 240);
  const before = await kernel.until('victim', ({ counters }) => counters.published > 10, 'publishes');
  const other = await kernel.until('other', ({ counters }) => counters.published > 10, 'publishes');
  process.kill(before.pid!, 'SIGKILL');
  const back = await kernel.until('victim', ({ counters, state }) => counters.restarts === 1 && state === 'streaming', 'is back');
  assert.notEqual(back.pid, before.pid);
  await kernel.until('victim', ({ counters }) => counters.published > before.counters.published + 10, 'publishes again without a new lease');
  // A busy machine decodes a few pictures behind: what is only late comes, what was lost would never be made up for.
  const missing = ({ counters }: CameraStatus): number => counters.packets - other.counters.packets - (counters.published - other.counters.published);
  const unharmed = await kernel.until('other', (status) => missing(status) <= 5, 'has published every picture that came');
  assert.equal(unharmed.pid, other.pid);
  assert.deepEqual(unharmed.drops, {});
  // One may be on its way into the ring.
  assert.ok(unharmed.counters.decoded - unharmed.counters.published <= 1, `${unharmed.counters.published} of ${unharmed.counters.decoded} published`);
  assert.deepEqual([unharmed.counters.reconnects, unharmed.counters.restarts], [0, 0]);
});

test('an ingest process that hangs is ended and started anew', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('cam') }]);
  const { pid } = await kernel.streaming('cam');
  process.kill(pid!, 'SIGSTOP');
  const back = await kernel.until('cam', ({ counters, state }) => counters.restarts === 1 && state === 'streaming', 'is back');
  assert.notEqual(back.pid, pid);
  assert.equal(alive(pid!), false);
});

test('SIGTERM ends kernel and children, and leaves neither socket nor ring', real, async () => {
  await using folders = await TestFolders.make();
  const { process: kernel, statuses } = await spawnKernel(folders, ['a', 'b']);
  const pids = (await statuses()).map(({ pid }) => pid!);
  const gone = once(kernel, 'exit');
  kernel.kill('SIGTERM');
  assert.deepEqual(await gone, [0, null]);
  assert.deepEqual(pids.filter(alive), []);
  assert.deepEqual(await folders.ringFiles(), []);
  assert.deepEqual((await readdir(folders.sockets)).filter((name) => name.endsWith('.sock')), []);
});

test('kill -9 of the kernel ends its children; the next kernel takes over the socket and sweeps what was left', real, async () => {
  await using folders = await TestFolders.make();
  const { process: kernel, statuses } = await spawnKernel(folders, ['a']);
  const [{ pid } = { pid: null }] = await statuses();
  // The child, stopped, cannot clean up behind itself.
  process.kill(pid!, 'SIGSTOP');
  const gone = once(kernel, 'exit');
  kernel.kill('SIGKILL');
  await gone;
  process.kill(pid!, 'SIGKILL');
  await until(() => alive(pid!), (there) => !there, 'the child is gone');
  assert.deepEqual(await folders.ringFiles(), ['vas_frames_a']);
  await using next = await TestKernel.start([], folders);
  assert.deepEqual(await folders.ringFiles(), []);
  assert.deepEqual((await ask(next.kernel.socketPath, 'GET', '/v1/health')).status, 200);
});

test('children of a killed kernel end by themselves and unlink their rings', real, async () => {
  await using folders = await TestFolders.make();
  const { process: kernel, statuses } = await spawnKernel(folders, ['a', 'b']);
  const pids = (await statuses()).map(({ pid }) => pid!);
  kernel.kill('SIGKILL');
  await until(() => pids.filter(alive), (left) => left.length === 0, 'the children are gone');
  assert.deepEqual(await folders.ringFiles(), []);
});

test('the credentials of a camera stand in no argument and in no environment of its process', real, async () => {
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url('cam', 'joe:s3cret') }]);
  const { pid } = await kernel.streaming('cam');
  for (const file of ['cmdline', 'environ']) assert.doesNotMatch(await readFile(`/proc/${pid}/${file}`, 'utf8'), /s3cret|rtsp:/);
});
