// What an orchestrator's probe is told, by the very program it runs, at real sockets.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { freshDirectory, serve } from './ipc-harness.ts';

const PROBE = join(import.meta.dirname, '../src/process/health-main.ts');

function probe(...args: string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve) => { execFile(process.execPath, [PROBE, ...args], (error, stdout, stderr) => resolve({ status: error ? Number(error.code) : 0, said: (stdout + stderr).trim() })); });
}

async function processThat(t: TestContext, status: string): Promise<string> {
  const path = join(freshDirectory(t), 'vas_core.sock');
  const server = createServer((request, response) => { response.end(JSON.stringify(request.url === '/v1/health' ? { process: 'core', status } : { error: 'none' })); });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return path;
}

test('a process is alive while it answers, and ready when it says so', async (t) => {
  const [ready, stopping] = [await processThat(t, 'ready'), await processThat(t, 'stopping')];
  assert.deepEqual(await probe(ready), { status: 0, said: 'ready' });
  assert.deepEqual(await probe(stopping), { status: 1, said: `${stopping} says that it is stopping` });
  assert.deepEqual(await probe('--alive', stopping), { status: 0, said: 'stopping' });
});

test('a model that fails its canary is not ready, and not killed for it', async (t) => {
  const path = join(freshDirectory(t), 'vas_model_plates.sock');
  await serve(t, { handle: async (message) => ((message as { type: string }).type === 'health' ? { model_id: 'plates', status: 'degraded' } : { error: 'asked for something else' }) }, path);
  assert.deepEqual(await probe(path), { status: 1, said: `${path} says that it is degraded` });
  assert.deepEqual(await probe('--alive', path), { status: 0, said: 'degraded' });
});

test('who does not answer is neither', async (t) => {
  const folder = freshDirectory(t);
  for (const name of ['vas_kernel.sock', 'vas_model_none.sock']) assert.match((await probe('--alive', join(folder, name))).said, /ENOENT/);
  const hung = join(folder, 'vas_model_hung.sock');
  await serve(t, { handle: () => new Promise(() => undefined) }, hung);
  const { status, said } = await probe('--alive', hung);
  assert.deepEqual([status, /4000 ms/.test(said)], [1, true], said);
  assert.match((await probe()).said, /name one socket/);
});
