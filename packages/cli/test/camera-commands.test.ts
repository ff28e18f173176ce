// The commands as a person runs them, with a real kernel process beside them.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const RUTH = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const KERNEL = fileURLToPath(new URL('../../kernel/src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ruth-cam-'));
const rings = mkdtempSync('/dev/shm/ruth-test-');
after(() => { for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true }); });
const config = join(folder, 'ruth.yaml');
const begin = `# kept\npaths: {socket_directory: ${folder}, ring_directory: ${rings}}\nmodels: []\n`;

async function ruth(args: string[], stdin = ''): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [RUTH, 'camera', ...args, '-c', config], { stdio: 'pipe' });
  child.stdin.end(stdin);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, err };
}

async function startKernel(): Promise<ChildProcess & AsyncDisposable> {
  const child = spawn(process.execPath, [KERNEL, '-c', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) if (line.includes('"ready"')) break;
  child.stdout.resume();
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  });
}

test('without a node that runs, the file is changed and that is said', async () => {
  writeFileSync(config, begin);
  const added = await ruth(['add', 'door', '-'], 'rtsp://joe:s3cret@127.0.0.1:9/1\n');
  assert.deepEqual([added.code, added.err], [0, '']);
  assert.match(added.out, /camera door is added\nno node runs here/);
  assert.match(readFileSync(config, 'utf8'), /^# kept\n[^]*id: door\n\s+url: rtsp:\/\/sealed:v1\.[\w-]+@127\.0\.0\.1:9/);
  const list = await ruth(['list']);
  assert.match(list.out, /no node runs here[^]*door +door +rtsp:\/\/\*\*\*@127\.0\.0\.1:9\/1/);
  const again = await ruth(['add', 'door', 'rtsp://h/2']);
  assert.equal(again.code, 1);
  assert.match(again.err, /has a camera door already; give --replace/);
});

test('a node that runs takes and loses cameras at once', async () => {
  writeFileSync(config, begin);
  await using kernel = await startKernel();
  assert.ok(kernel.pid);
  assert.match((await ruth(['add', 'gate', 'rtsp://joe:s3cret@127.0.0.1:9/1', '--name', 'Gate', '--no-audio'])).out, /the running node takes gate now/);
  assert.match((await ruth(['list'])).out, /^ID +STATE[^]*\ngate +(connecting|down) /);
  assert.match((await ruth(['add', 'gate', 'rtsp://127.0.0.1:9/2', '--name', 'Big gate', '--replace'])).out, /camera gate is set\nthe running node takes gate now/);
  const { running, cameras } = JSON.parse((await ruth(['list', '--json'])).out) as { running: boolean; cameras: { camera_id: string; name: string; url: string }[] };
  assert.deepEqual([running, cameras.map(({ name, url }) => [name, url])], [true, [['Big gate', 'rtsp://127.0.0.1:9/2']]]);
  assert.match(readFileSync(config, 'utf8'), /audio: false/);
  assert.match((await ruth(['remove', 'gate'])).out, /camera gate is removed[^]*let go of gate/);
  assert.doesNotMatch((await ruth(['list'])).out, /gate/);
  const gone = await ruth(['remove', 'gate']);
  assert.deepEqual([gone.code, /has no camera gate/.test(gone.err)], [1, true]);
});

test('a wrong camera changes nothing, and no password is shown', async () => {
  writeFileSync(config, begin);
  const { code, err } = await ruth(['add', 'gate', 'http://joe:s3cret@h/']);
  assert.equal(code, 1);
  assert.match(err, /begins with http:\/\/; use rtsp:\/\//);
  assert.doesNotMatch(err, /s3cret/);
  assert.equal(readFileSync(config, 'utf8'), begin);
});

test('a probe tells why a camera cannot be read, without its password', async () => {
  const { code, err } = await ruth(['probe', '-', '--seconds', '1'], 'rtsp://joe:s3cret@127.0.0.1:9/1\n');
  assert.equal(code, 1);
  assert.match(err, /127\.0\.0\.1:9 cannot be reached/);
  assert.doesNotMatch(err, /s3cret/);
});
