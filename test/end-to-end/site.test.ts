// Two nodes of a site on one machine, as docs/scale.md has them, with one PostgreSQL: a camera that is given to the site at one server is recorded by one node, also
// while NATS is away, and by the other when the first is gone; either server changes it, and neither overwrites what the other did.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { join } from 'node:path';
import type { AuditEntry, CameraStatus, ErrorBody, NodeCamera, ProbeReport, Timeline } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { Nats, natsMissing } from '../../packages/fleet/test/nats.ts';
import { postgresPrograms, startPostgres } from '../../packages/server/test/postgres.ts';
import { commandLine, root, RunningRuth } from './running-ruth.ts';

const run = promisify(execFile);
const PATIENCE_MS = 120_000;
/** A lease lasts 12 s. */
const NATS_AWAY_MS = 20_000;

interface SiteStatus { readonly leader: string | null; readonly nodes: Record<string, { state: string; cameras: number; key_ids: string[] }>; readonly cameras: Record<string, { url: string; node: string | null; state: string }> }

const programs = postgresPrograms();

test('a camera of a site is recorded by one of its nodes, and by another when that one is gone', { skip: natsMissing() || noCamera || (programs === null && 'PostgreSQL is missing: apt-get install postgresql'), timeout: 300_000 }, async () => {
  await using clips = await Clips.open();
  await using camera = await RealCamera.start({ one: launch.h264(await clips.make('one.mp4')) });
  await using nats = await Nats.start();
  await using postgres = await startPostgres(programs!);
  const keyFolder = mkdtempSync(join(tmpdir(), 'ruth-site-key-'));
  const start = (node: string): Promise<RunningRuth> => RunningRuth.start(['up'], { models: [], cameras: [], recording: { directory: 'recordings', segment_s: 2, min_free_gb: 0 }, live: { webrtc: { active: false } }, site: { nats: [nats.url], node, labels: { name: node }, key_file: join(keyFolder, 'site.key') } }, ['env', `DATABASE_URL=${postgres.url}`, process.execPath, join(root, 'packages/cli/bin/ruth.js')]);
  const nodes = { north: await start('north'), south: await start('south') };
  const site = async (...args: string[]): Promise<string> => (await run(process.execPath, [join(root, 'packages/cli/bin/ruth.js'), 'site', ...args, '-c', join(nodes.south.folder, 'ruth.yaml')])).stdout;
  const status = async (): Promise<SiteStatus> => JSON.parse(await site('status', '--json')) as SiteStatus;
  const recordedBy = async (node: RunningRuth): Promise<boolean> => {
    const cameras = await (await fetch(new URL('/api/v1/cameras', node.url), { headers: node.headers })).json() as CameraStatus[];
    return cameras.some(({ camera_id: id, recording }) => id === 'gate' && recording.state === 'recording');
  };
  const ask = async (node: RunningRuth, method: string, path: string, body?: object): Promise<{ status: number; text: string; error: ErrorBody }> => {
    const response = await fetch(new URL(path, node.url), { method, headers: { ...node.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, text, error: (text === '' ? {} : JSON.parse(text)) as ErrorBody };
  };
  const settings = async (node: RunningRuth): Promise<NodeCamera> => JSON.parse((await ask(node, 'GET', '/api/v1/cameras/gate/settings')).text) as NodeCamera;
  const until = async (condition: () => Promise<boolean>, what: string): Promise<void> => {
    for (const endsAt = Date.now() + PATIENCE_MS; !await condition(); await delay(300)) assert.ok(Date.now() < endsAt, what);
  };
  try {
    await until(async () => Object.keys((await status()).nodes).length === 2, 'both nodes are there');
    const gate = { id: 'gate', url: camera.url('one', 'joe:s3cret'), site: { prefer: { name: 'north' } } };
    await until(async () => (await ask(nodes.south, 'GET', '/api/v1/site')).text.includes('"south"'), 'the server has heard of the site');
    const unsealed = await ask(nodes.south, 'POST', '/api/v1/cameras', gate);
    assert.deepEqual([unsealed.status, unsealed.error.error_code], [409, 'invalid_state']);
    assert.match(unsealed.error.error, /no key of the site.*ruth site key make/);
    assert.match(await site('key', 'make'), /site\.key is the key of the site/);
    await until(async () => Object.values((await status()).nodes).every(({ key_ids: ids }) => ids.length === 1), 'both nodes have found the key');
    const added = await ask(nodes.south, 'POST', '/api/v1/cameras', gate);
    assert.equal(added.status, 201, added.text);
    assert.equal((await ask(nodes.north, 'POST', '/api/v1/cameras', { ...gate, site: undefined })).status, 409, 'nor may a node have one of that name');
    await until(() => recordedBy(nodes.north), 'the node in the north records it');
    const { cameras } = await status();
    assert.equal(cameras['gate']!.node, 'north');
    assert.doesNotMatch(JSON.stringify(cameras), /s3cret/);
    assert.equal(await recordedBy(nodes.south), false);

    const looked = await ask(nodes.south, 'POST', '/api/v1/cameras/probe', { camera_id: 'gate', seconds: 1 });
    const { node: lookedFrom, codec, url: lookedAt } = JSON.parse(looked.text) as ProbeReport;
    // Nobody told the south where the server of the north is reached: the next one that may have the camera looks, with what it opens.
    assert.deepEqual([looked.status, lookedFrom, codec, lookedAt.includes('s3cret')], [200, 'south', 'h264', false], looked.text);
    const revision = (await settings(nodes.north)).site!.revision;
    assert.equal((await ask(nodes.north, 'PATCH', '/api/v1/cameras/gate', { name: 'Gate', revision })).status, 200);
    const late = await ask(nodes.south, 'PATCH', '/api/v1/cameras/gate', { name: 'Something else', revision });
    assert.deepEqual([late.status, late.error.error_code], [409, 'conflict']);
    assert.deepEqual((await ask(nodes.south, 'PATCH', '/api/v1/cameras/gate/intent', { rules: [] })).error.problems?.map(({ pointer }) => pointer), ['/revision']);
    const present = await settings(nodes.south);
    assert.deepEqual([present.config.name, present.site!.node, present.site!.credentials], ['Gate', 'north', 'sealed']);
    assert.ok((await ask(nodes.south, 'GET', '/api/v1/camera-settings')).text.includes('"gate"'));
    const kept = readdirSync(nats.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    assert.ok(kept.some((content) => content.includes('sealed:v1.')));
    assert.ok(!kept.some((content) => content.includes('s3cret')), 'no password lies in NATS');
    assert.doesNotMatch(Object.values(nodes).flatMap((node) => node.descendants()).map(commandLine).join('\n'), /s3cret/);

    const goneS = Date.now() / 1000;
    await nats.kill();
    const away = await ask(nodes.south, 'PATCH', '/api/v1/cameras/gate', { name: 'Nobody hears', revision: present.site!.revision });
    assert.deepEqual([away.status, away.error.error_code], [503, 'unreachable'], away.text);
    await delay(NATS_AWAY_MS);
    const backS = Date.now() / 1000;
    await nats.run();
    const missing = async (): Promise<number> => {
      const { spans } = await (await fetch(new URL(`/api/v1/cameras/gate/timeline?start=${goneS}&end=${backS}`, nodes.north.url), { headers: nodes.north.headers })).json() as Timeline;
      return backS - goneS - spans.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(end, backS) - Math.max(start, goneS)), 0);
    };
    await until(async () => await missing() < 0.1, 'all that came while NATS was gone for longer than a lease is among the recordings');
    assert.equal((await status()).cameras['gate']!.node, 'north');

    nodes.north.child.kill('SIGKILL');
    await until(() => recordedBy(nodes.south), 'the node in the south records it');
    assert.deepEqual(await status().then(({ nodes: { north }, cameras: { gate } }) => [north!.state, gate!.node]), ['gone', 'south']);
    const last = await settings(nodes.south);
    assert.equal(last.config.name, 'Gate', 'what was refused was not done later');
    assert.equal((await ask(nodes.south, 'PATCH', '/api/v1/cameras/gate', { site: { prefer: null }, revision: last.site!.revision })).status, 200, 'also while a node is away');
    const stale = await ask(nodes.south, 'DELETE', `/api/v1/cameras/gate?revision=${last.site!.revision}`);
    assert.deepEqual([stale.status, stale.error.error_code], [409, 'conflict'], 'it was changed since');
    assert.equal((await ask(nodes.south, 'DELETE', `/api/v1/cameras/gate?revision=${(await settings(nodes.south)).site!.revision}`)).status, 204);
    await until(async () => !await recordedBy(nodes.south), 'nobody records it any more');
    const noted = JSON.parse((await ask(nodes.south, 'GET', '/api/v1/audit?camera=gate')).text) as AuditEntry[];
    assert.deepEqual(noted.map(({ action }) => action).toReversed(), ['added a camera to the site', 'changed a camera', 'changed a camera', 'removed a camera']);
    assert.doesNotMatch([...nodes.south.output, ...nodes.north.output].join('\n'), /s3cret/);
  } finally {
    for (const node of Object.values(nodes)) await node[Symbol.asyncDispose]();
    rmSync(keyFolder, { recursive: true });
  }
});
