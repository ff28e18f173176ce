// `ruth site unclaimed`: shows what lies aside, asks before it changes anything, and has the kernel take in or delete that and no more. A kernel that only keeps what it was told.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { ClaimRequest } from '@ruth/protocol';
import { listenOnSocket } from '@ruth/transport';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const FROM = Date.parse('2026-05-01T10:00:00Z') / 1000;

test('ruth site unclaimed: shows, asks, takes in or deletes what is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ruth-unclaimed-'));
  const claims: ClaimRequest[] = [];
  const aside = { gate: { from: FROM, to: FROM + 600 }, yard: { from: FROM, to: FROM + 60 } };
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const { camera } = (body === '' ? {} : JSON.parse(body)) as { camera: keyof typeof aside };
      if (request.url === '/v1/placement/claim') claims.push(JSON.parse(body) as ClaimRequest);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(
        request.url === '/v1/placement' ? { incarnation: null, until_s: null, cameras: {}, refused: {}, unclaimed: aside, unclaimed_files: { cameras: 2, files: 11, bytes: 5e6, since: FROM } }
        : request.url === '/v1/placement/holdings' ? { recorded: [], aside: [{ start: aside[camera].from, end: aside[camera].to }], settled: 0 }
        : { claimed_s: 600, deleted_files: 0, left_files: 0 },
      ));
    })();
  });
  try {
    await listenOnSocket(server, join(folder, 'vas_kernel.sock'));
    await writeFile(join(folder, 'ruth.yaml'), `paths: { socket_directory: ${folder} }\n`);
    const run = (...args: string[]): Promise<{ stdout: string; stderr: string }> => promisify(execFile)(process.execPath, [MAIN, 'site', 'unclaimed', ...args, '-c', join(folder, 'ruth.yaml')]);
    const { stdout } = await run();
    assert.match(stdout, /gate +2026-05-01T10:00:00Z +2026-05-01T10:10:00Z +10\.0\nyard +2026-05-01T10:00:00Z +2026-05-01T10:01:00Z +1\.0\n\nin all: 11 files of 2 cameras, 5 MB/);
    await assert.rejects(run('--take'), /nobody can be asked here: say --yes/);
    await assert.rejects(run('cellar'), /nothing lies aside of cellar; of gate, yard something does/);
    assert.deepEqual(claims, []);
    assert.match((await run('gate', '--take', '--yes')).stdout, /gate: 10\.0 min are among the recordings now/);
    assert.match((await run('yard', '--delete', '--yes')).stdout, /yard: deleted/);
    assert.deepEqual(claims, [
      { camera: 'gate', claim: [{ start: FROM - 1, end: FROM + 660 }], delete: [] }, { camera: 'yard', claim: [], delete: [{ start: FROM - 1, end: FROM + 120 }] },
    ]);
  } finally {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  }
});
