// What stands in the way of a start is said before anything is started, with what to do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { supervisorSocketPath } from '@ruth/protocol';

const ruth = new URL('../bin/ruth.js', import.meta.url).pathname;

function place(t: TestContext): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'ruth.yaml');
  mkdirSync(join(folder, 'rings'));
  writeFileSync(file, JSON.stringify({ paths: { socket_directory: folder, ring_directory: join(folder, 'rings') }, models: [] }));
  return { folder, file };
}

async function listen(t: TestContext, where: number | string): Promise<Server> {
  const server = createServer();
  await once(typeof where === 'number' ? server.listen(where, '127.0.0.1') : server.listen(where), 'listening');
  t.after(() => server.close());
  return server;
}

async function up(file: string, port: number): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number | null; stdout: string; stderr: string }>();
  const child = execFile(process.execPath, [ruth, 'up', '-c', file], { env: { ...process.env, RUTH_HTTP_PORT: String(port) } }, (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }));
  return promise;
}

test('a port that is taken is said before any process is started, with how to take another', async (t) => {
  const { file } = place(t);
  const { port } = (await listen(t, 0)).address() as AddressInfo;
  const { code, stdout, stderr } = await up(file, port);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is taken by another program\nTake another port: RUTH_HTTP_PORT=`));
});

test('a second Ruth in the same folders is told of the first one', async (t) => {
  const { folder, file } = place(t);
  await listen(t, supervisorSocketPath(folder));
  const { code, stdout, stderr } = await up(file, 0);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /vas_supervisor\.sock is in use.*\nPerhaps Ruth runs here already: "ruth status" tells\./);
});
