import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { claimSocketPath, IpcServer, listenOnSocket } from '../src/index.ts';
import { freshDirectory, refuse, serve } from './ipc-harness.ts';

const hasCode = (code: string, text: RegExp) => (error: unknown): boolean => error instanceof RuthError && error.code === code && text.test(error.message);

/** Listens at `path` in a process of its own. */
async function listenElsewhere(t: TestContext, path: string): Promise<{ pid: number; kill: () => Promise<unknown> }> {
  const child = spawn(process.execPath, ['-e', 'require("net").createServer().listen(process.argv[1], () => console.log("listening"))', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { pid: child.pid!, kill: () => { const gone = once(child, 'exit'); child.kill('SIGKILL'); return gone; } };
}

test('A socket that a killed process left behind is taken over', async (t) => {
  const path = join(freshDirectory(t), 's.sock');
  const other = await listenElsewhere(t, path);
  await other.kill();
  assert.ok(existsSync(path));
  const server = await serve(t, {}, path);
  await server.close();
  assert.equal(existsSync(path), false);
});

test('A live socket is never taken over: the error names the owner', async (t) => {
  const path = join(freshDirectory(t), 's.sock');
  const other = await listenElsewhere(t, path);
  await assert.rejects(claimSocketPath(path), hasCode('socket_in_use', new RegExp(`in use by process ${other.pid} `)));
  await assert.rejects(IpcServer.listen(path, { handle: async () => null, refuse }), hasCode('socket_in_use', /in use/));
  assert.ok(existsSync(path));
});

test('What is no socket is left alone', async (t) => {
  const directory = freshDirectory(t);
  const file = join(directory, 'file');
  const folder = join(directory, 'folder');
  const link = join(directory, 'link');
  writeFileSync(file, 'precious');
  mkdirSync(folder);
  symlinkSync(file, link);
  for (const path of [file, folder, link]) {
    await assert.rejects(claimSocketPath(path), hasCode('socket_in_use', /is not a socket/));
    assert.ok(existsSync(path));
  }
});

test('A path where nothing stands is free', async (t) => {
  await claimSocketPath(join(freshDirectory(t), 'free.sock'));
});

test('A path too long for a socket is refused with its length', async (t) => {
  await assert.rejects(claimSocketPath(join(freshDirectory(t), 'x'.repeat(120))), hasCode('invalid_config', /may have 107/));
});

test('A directory that does not exist, or may not be written, is named in the error', async (t) => {
  const directory = freshDirectory(t);
  await assert.rejects(listenOnSocket(createServer(), join(directory, 'missing', 's.sock')), hasCode('invalid_config', /missing/));
  if (process.getuid!() === 0) return; // root may write anywhere
  chmodSync(directory, 0o500);
  await assert.rejects(listenOnSocket(createServer(), join(directory, 's.sock')), hasCode('invalid_config', /EACCES/));
});

test('A socket has mode 0600 from its first moment, and the mask of the process is as before', async (t) => {
  const path = join(freshDirectory(t), 's.sock');
  const mask = process.umask();
  const listening = listenOnSocket(createServer().unref(), path);
  // claimSocketPath looks first; the socket is there some turns of the loop later, and must never be seen with another mode.
  for (let seen = false; !seen; await new Promise((resolve) => setImmediate(resolve))) {
    if (!existsSync(path)) continue;
    assert.equal(statSync(path).mode & 0o777, 0o600);
    seen = true;
  }
  await listening;
  assert.equal(process.umask(), mask);
});

test('Of many that start at once on one stale socket, one serves and the others say that it is in use', async (t) => {
  const path = join(freshDirectory(t), 's.sock');
  const other = await listenElsewhere(t, path);
  await other.kill();
  const starts = await Promise.allSettled(Array.from({ length: 8 }, () => serve(t, {}, path)));
  assert.equal(starts.filter((start) => start.status === 'fulfilled').length, 1);
  for (const start of starts) if (start.status === 'rejected') assert.ok(hasCode('socket_in_use', /./)(start.reason));
});
