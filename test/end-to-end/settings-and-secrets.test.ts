// What a user types is answered in words that help, and a password that they typed is seen nowhere again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CameraStatus } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { root, RunningRuth } from './running-ruth.ts';

const PASSWORD = 'hunter2-is-secret';

/** Everything that any user of the machine can list: the arguments of all processes. */
const processList = (): string => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  .map((pid) => { try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '); } catch { return ''; } }).join('\n');

test('a camera with a password streams, and the password is in no log, no answer and no process list', { skip: noCamera }, async () => {
  await using clips = await Clips.open();
  const clip = await clips.make('clip.mp4', { seconds: 120 });
  await using camera = await RealCamera.start({ door: launch.h264(clip) }, { credentials: `admin:${PASSWORD}` });
  await using ruth = await RunningRuth.start(['up', '--camera', `rtsp://admin:${PASSWORD}@127.0.0.1:${camera.port}/door`, '--camera', `rtsp://admin:wrong-${PASSWORD}@127.0.0.1:${camera.port}/door`]);
  const cameras = async (): Promise<CameraStatus[]> => ruth.get<CameraStatus[]>('/api/v1/cameras');
  const [streaming, refused] = await ruth.until('one camera streaming, one refused', async () => {
    const [one, two] = await cameras();
    return one?.state === 'streaming' && two?.last_error ? [one, two] as const : false;
  });
  assert.equal(streaming.width, 320);
  assert.equal(refused.last_error?.code, 'camera_unauthorized');
  // One that is added while it runs, with something to look for.
  const change = async (method: string, path: string, body?: object): Promise<number> => {
    const response = await fetch(new URL(`/api/v1/cameras${path}`, ruth.url), { method, headers: { ...ruth.headers, ...(body ? { 'content-type': 'application/json' } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) });
    assert.equal((await response.text()).includes(PASSWORD), false);
    return response.status;
  };
  assert.equal(await change('POST', '/probe', { camera_id: 'camera-1', seconds: 1 }), 200);
  assert.equal(await change('POST', '', { id: 'yard', url: `rtsp://admin:${PASSWORD}@127.0.0.1:${camera.port}/door` }), 201);
  assert.equal(await change('PATCH', '/yard/intent', { scene: { zones: [{ id: 'lawn', polygon: [[0, 0], [1, 0], [1, 1]] }] }, rules: [{ id: 'visit', when: 'person in zone lawn' }] }), 200);
  await ruth.until('the new camera streaming', async () => (await cameras()).some(({ camera_id, state }) => camera_id === 'yard' && state === 'streaming'));
  assert.deepEqual((await ruth.get<{ zones: { id: string }[] }>('/api/v1/cameras/yard/scene')).zones.map(({ id }) => id), ['lawn']);
  const arguments_ = processList().split('\n').filter((line) => !line.includes('rtsp-camera.py'));
  assert.deepEqual(arguments_.filter((line) => line.includes(PASSWORD)), []);
  const answers = await Promise.all(['health', 'cameras', 'models', 'subscriptions', 'camera-settings', 'audit'].map(async (path) => (await fetch(new URL(`/api/v1/${path}`, ruth.url), { headers: ruth.headers })).text()));
  assert.equal(answers.some((text) => text.includes(PASSWORD)), false);
  assert.equal(await change('DELETE', '/yard'), 204);
  assert.deepEqual((await cameras()).map(({ camera_id }) => camera_id), ['camera-1', 'camera-2']);
  await ruth.stop();
  assert.ok(ruth.output.length > 10);
  assert.deepEqual(ruth.output.filter((line) => line.includes(PASSWORD)), []);
});

test('nor does npx leave it in the argument list of the shell that it starts', async () => {
  await using ruth = await RunningRuth.start(['up', '--camera', `rtsp://admin:${PASSWORD}@127.0.0.1:9/door`], {}, ['npx', '--no-install', 'ruth']);
  assert.ok(ruth.descendants().length >= 5);
  assert.deepEqual(processList().split('\n').filter((line) => line.includes(PASSWORD)), []);
});

function up(text: string, environment: Record<string, string> = {}): { status: number | null; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-settings-'));
  try {
    writeFileSync(join(folder, 'ruth.yaml'), text);
    return spawnSync(process.execPath, [join(root, 'packages/cli/bin/ruth.js'), 'up', '-c', 'ruth.yaml'], { cwd: folder, encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...environment } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a mistake in ruth.yaml is named with file, line, key and what would be right', () => {
  const { status, stderr } = up('cameras:\n  - id: door\n    url: rtsp://host/1\n    transprot: udp\n');
  assert.equal(status, 1);
  assert.match(stderr, /ruth\.yaml:4:5: cameras\.0\.transprot is not a known key; did you mean transport\?/);
});

test('a wrong camera URL is named without its password', () => {
  const { status, stderr } = up(`cameras:\n  - id: door\n    url: http://admin:${PASSWORD}@host/1\n`);
  assert.equal(status, 1);
  assert.match(stderr, /ruth\.yaml:3:5: cameras\.0\.url: begins with http:\/\/; use rtsp:\/\//);
  assert.equal(stderr.includes(PASSWORD), false);
});

test('beside a Ruth that runs', async (t) => {
  await using ruth = await RunningRuth.start(['up'], { cameras: [], models: [] });

  await t.test('a second one on the same sockets is refused and says who has them', () => {
    const paths = JSON.stringify({ socket_directory: ruth.socketDirectory, ring_directory: ruth.ringDirectory, models_directory: join(root, 'models') });
    const { status, stderr } = up(`paths: ${paths}\n`);
    assert.equal(status, 1);
    assert.match(stderr, /vas_supervisor\.sock/);
    assert.match(stderr, new RegExp(`\\b${ruth.child.pid}\\b`), 'the owner\'s process id');
  });

  await t.test('one on the same port ends with a sentence that helps, and nothing is left running', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ruth-port-'));
    const sockets = JSON.stringify({ socket_directory: folder, ring_directory: ruth.ringDirectory, models_directory: join(root, 'models') });
    const { status, stderr } = up(`paths: ${sockets}\n`, { RUTH_HTTP_PORT: new URL(ruth.url).port });
    assert.equal(status, 1);
    assert.match(stderr, /^port \d+ of 127\.0\.0\.1 is taken by another program\nTake another port: RUTH_HTTP_PORT=/);
    assert.deepEqual(readdirSync(folder), []);
    rmSync(folder, { recursive: true });
  });
});
