// `ruth site`, as far as it changes something: it says what it did, and of a name that it does not know which there are. A real NATS server; nodes are rows.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { SiteNode } from '@ruth/protocol';
import { SiteStore } from '../src/index.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger } from './site-run.ts';

const ENTRY = join(import.meta.dirname, '../src/site-main.ts');

test('who changes a site hears what was done, and of an unknown name which there are', { skip: natsMissing() }, async () => {
  await using nats = await Nats.start();
  await using store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
  const run = async (...args: string[]): Promise<{ code: number | null; said: string }> => {
    const child = spawn(process.execPath, [ENTRY, '-c', '-', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(JSON.stringify({ models: [], cameras: [], site: { nats: [nats.url], node: 'north' } }));
    const ended = once(child, 'exit') as Promise<[number | null]>;
    const [said, failed] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: (await ended)[0], said: (said + failed).split('\n')[0]! };
  };
  const gone: SiteNode = { incarnation: '00000000-0', revoked: true, machine: 'm', labels: {}, capacity_cores: 1, draining: false, applied: 0, cameras: {}, refused: {} };
  assert.deepEqual(await run('drain', 'south'), { code: 1, said: 'the site has no node south; it has none yet' });
  for (const id of ['south', 'north']) await store.nodes.put(id, gone, 0);
  await store.cameras.put('gate', { camera: { id: 'gate', url: 'rtsp://127.0.0.1/gate' } }, 0);
  assert.deepEqual(await run('drain', 'suoth'), { code: 1, said: 'the site has no node suoth; it has north, south' });
  assert.deepEqual(await run('undrain', 'suoth'), { code: 1, said: 'the site has no node suoth; it has north, south' });
  assert.match((await run('drain', 'south')).said, /^south gives its cameras to other nodes/);
  assert.match((await run('drain', 'south', '--wait', '5')).said, /^south has no cameras of the site any more/);
  assert.deepEqual(await run('undrain', 'south'), { code: 0, said: 'south may have cameras again' });
  assert.equal((await store.drains.get('south'))?.value ?? null, null);
  const wrong = await run('remove', 'gaet');
  assert.equal(wrong.code, 1);
  assert.match(wrong.said, /gaet/);
  assert.match((await run('remove', 'gate')).said, /^gate is no camera of the site any more/);
  assert.equal((await store.cameras.get('gate'))?.value ?? null, null);
});
