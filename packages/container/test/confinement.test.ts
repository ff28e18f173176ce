import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { DEFAULT_RING_DIRECTORY } from '@ruth/protocol';
import type { Confinement } from '@ruth/transport';
import { confinementOf, manifestOf } from '../src/service/confinement.ts';
import { freshFolder, MANIFEST, modelFolder, startProcess } from './harness.ts';

/** With Landlock, which every kernel since 5.13 can have and some have switched off. */
async function attempts(t: Parameters<typeof freshFolder>[0], folder: string): Promise<{ seen: Record<'main' | 'thread', Record<string, string>>; unconfined: string }> {
  const secret = join(freshFolder(t), 'ruth.yaml');
  writeFileSync(secret, 'password');
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const child = spawn(process.execPath, [new URL('confined-launch.ts', import.meta.url).pathname], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify({ folder, secret, port: (server.address() as { port: number }).port, ringDirectory: freshFolder(t, DEFAULT_RING_DIRECTORY), socketDirectory: freshFolder(t), pid: process.pid }));
  const [output, unconfined] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.notEqual(output, '', unconfined);
  return { seen: JSON.parse(output) as Record<'main' | 'thread', Record<string, string>>, unconfined };
}

test('A hostile model reads nothing but code, its folder and rings, reaches no network, starts no program and signals no process', async (t) => {
  const folder = modelFolder(t);
  const { seen, unconfined } = await attempts(t, folder);
  if (/unconfined: .*Landlock/.test(unconfined)) return t.skip(unconfined);
  for (const [where, done] of Object.entries(seen)) {
    for (const [what, result] of Object.entries(done)) {
      const allowed = what === 'reads its own folder' || what === 'lists rings';
      if (allowed) assert.equal(result, 'done', `${where}: ${what}`);
      else assert.match(result, /^(EACCES|EPERM|refused)$/, `${where}: ${what}`);
    }
  }
  assert.ok(!existsSync(join(folder, 'left.txt')));
});

test('The container itself runs confined: without new privileges, filtered, with the settings that it needs alone', async (t) => {
  const { child, message, exit } = startProcess(t, modelFolder(t), { socketDirectory: freshFolder(t) });
  assert.equal((await message).type, 'ready');
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
});

test('The process that recognises a model runs confined before it opens it', async (t) => {
  const folder = freshFolder(t);
  const weights = join(folder, 'weights.onnx');
  // Who opens a pipe waits until somebody writes.
  assert.equal(spawnSync('mkfifo', [weights]).status, 0);
  const child = spawn(process.execPath, [new URL('../src/recognition/recognition-main.ts', import.meta.url).pathname], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.end(JSON.stringify({ weights, ring_directory: folder, pictures: [], file_name: 'weights.onnx', limit_ms: 60_000 }));
  const said = text(child.stdout);
  const pipe = await open(weights, 'w');
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /confined-recognition-main/);
  await pipe.close();
  assert.match(await said, /"error_code":"model_invalid"/);
});

test('What is compiled of a container is kept by a process that sees no model, once; the container reads it and cannot write it', async (t) => {
  const env = { NODE_COMPILE_CACHE: join(freshFolder(t), 'compiled') };
  const start = async (): Promise<string[]> => {
    const { message, child, exit } = startProcess(t, modelFolder(t), { socketDirectory: freshFolder(t), env });
    assert.equal((await message).type, 'ready');
    child.kill('SIGTERM');
    await exit;
    return readdirSync(env.NODE_COMPILE_CACHE, { recursive: true, encoding: 'utf8' }).sort();
  };
  const kept = await start();
  assert.ok(kept.filter((name) => name.startsWith('container-')).length === 1 && kept.length > 100, kept.join(' '));
  assert.deepEqual(await start(), kept);
});

test('Settings that a container is handed and cannot use are refused', async (t) => {
  const { message } = startProcess(t, modelFolder(t), { socketDirectory: freshFolder(t), settings: 'log_level: loud\n' });
  const { type, code, message: text } = await message;
  assert.deepEqual([type, code], ['failed', 'invalid_config']);
  assert.match(String(text), /log_level must be one of/);
});

test('A model on a server elsewhere may connect to that server\'s port alone; a model of the CPU sees no GPU', async (t) => {
  const confined = async (manifest = MANIFEST): Promise<Confinement> => {
    const folder = modelFolder(t, { manifest });
    return confinementOf(folder, await manifestOf(folder), { socketDirectory: '/tmp/s', ringDirectory: '/dev/shm' });
  };
  const remote = await confined(MANIFEST.replace(/model_type: onnx\nmodel_weights: .*\n/, 'model_type: remote\nremote: { url: \'grpc://gpu-box:8001\' }\n'));
  assert.deepEqual(remote.tcpPorts, [8001]);
  const onCpu = await confined(`${MANIFEST}resource_requirements: { device: cpu }\n`);
  assert.deepEqual(onCpu.tcpPorts, []);
  assert.ok(!onCpu.files.some(({ path }) => path === '/dev/dri'));
  assert.ok((await confined()).files.some(({ path }) => path === '/dev/dri'));
});
