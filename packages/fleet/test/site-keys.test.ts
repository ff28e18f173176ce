// What people know of a camera lies in NATS sealed alone: nodes that have the key of the site open it, others say what they lack, and keys follow one another.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, test, type TestContext } from 'node:test';
import type { SiteCamera } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { SiteCameras, SiteKeyFile, SiteKeys, SiteStore } from '../src/index.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger, TestNode, until } from './site-run.ts';

const GATE: SiteCamera = {
  camera: { id: 'gate', url: 'rtsp://joe:s3cret@cam.example:8554/live?x=1', detect_url: 'rtsp://cam.example/user=joe_password=s3cret_channel=1.sdp', onvif: { url: 'http://cam.example/onvif', password: 's3cret' } }, prefer: { building: 'north' },
};
const folderOf = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
};

test('what is sealed opens for that camera at that host alone, and is then letter for letter what it was', (t) => {
  const keys = SiteKeys.read(join(folderOf(t), 'site.key')).make();
  const sealed = keys.seal(GATE);
  assert.doesNotMatch(JSON.stringify(sealed), /s3cret|joe|live/);
  assert.match(sealed.camera.url, /^rtsp:\/\/sealed:v1\.[\w-]+@cam\.example:8554$/);
  assert.deepEqual(keys.open(sealed), GATE);
  assert.deepEqual(keys.seal(sealed), sealed, 'what is sealed stays as it is');
  const moved = (camera: Partial<SiteCamera['camera']>): SiteCamera => ({ ...sealed, camera: { ...sealed.camera, ...camera } });
  for (const wrong of [moved({ id: 'yard' }), moved({ url: sealed.camera.url.replace('cam.example', 'evil.example') }), moved({ onvif: { ...sealed.camera.onvif!, url: 'http://evil.example/onvif' } })]) {
    assert.throws(() => keys.open(wrong), { code: 'invalid_config', message: /or for another camera or host/ });
    assert.equal(keys.credentialsOf(wrong), 'unknown_key');
  }
  const open: SiteCamera = { camera: { id: 'yard', url: 'rtsp://cam.example/open' } };
  assert.deepEqual(SiteKeys.none('nowhere').seal(open), open, 'what has no credentials needs no key');
  assert.throws(() => SiteKeys.none('/etc/site.key').seal(GATE), { code: 'invalid_state', message: /no key of the site.*\/etc\/site\.key.*ruth site key make/ });
  assert.throws(() => SiteKeys.none('/etc/site.key').open(sealed), { code: 'invalid_config', message: /bring \/etc\/site\.key here/ });
});

test('the file is its owner\'s alone, is made once, and what is no key is told without being quoted', (t) => {
  const path = join(folderOf(t), 'made/site.key');
  const first = SiteKeys.read(path).make();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.throws(() => first.make(), { code: 'conflict' });
  const sealed = first.seal(GATE);
  const both = first.rotate();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(SiteKeys.read(path).ids, [both.ids[0], first.ids[0]]);
  assert.equal(both.credentialsOf(sealed), 'older_key');
  assert.deepEqual(both.open(sealed), GATE);
  const anew = both.seal(sealed, { anew: true });
  assert.equal(both.credentialsOf(anew), 'sealed');
  assert.equal(first.credentialsOf(anew), 'unknown_key');
  assert.deepEqual(both.forget().open(anew), GATE);
  assert.throws(() => SiteKeys.read(path).open(sealed), { code: 'invalid_config' });
  writeFileSync(path, `${readFileSync(path, 'utf8')}not-a-key-but-s3cret\n`);
  assert.throws(() => SiteKeys.read(path), (error: Error) => /as key 2 is none/.test(error.message) && !error.message.includes('s3cret'));
});

test('a file that is brought or changed is found without a start, and one that breaks takes no key away', (t) => {
  const path = join(folderOf(t), 'site.key');
  const lines: string[] = [];
  const file = new SiteKeyFile(path, createLogger('fleet', 'info', { write: (line: string) => void lines.push(line) }));
  assert.deepEqual(file.keys.ids, []);
  const made = SiteKeys.read(path).make();
  assert.equal(file.changed(), true);
  assert.equal(file.changed(), false);
  chmodSync(path, 0o644);
  writeFileSync(path, `broken\n${readFileSync(path, 'utf8')}`);
  assert.equal(file.changed(), false);
  assert.deepEqual(file.keys.ids, made.ids);
  assert.match(lines.join(''), /cannot be used/);
});

describe('a site of which one node has no key', { skip: natsMissing() }, () => {
  let nats: Nats;
  let store: SiteStore;
  let cameras: SiteCameras;
  const folder = mkdtempSync(join(tmpdir(), 'ruth-site-keys-'));
  const path = (node: string): string => join(folder, `${node}.key`);
  const keys = (): SiteKeys => SiteKeys.read(path('a'));
  const nodes: TestNode[] = [];
  const heard: string[] = [];

  before(async () => {
    nats = await Nats.start();
    keys().make();
    store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
    store.connection.subscribe('>', { callback: (_, message) => void heard.push(message.string()) });
    cameras = new SiteCameras(store, keys);
    const port = Number(new URL(nats.url).port);
    for (const node of ['a', 'b']) nodes.push(await TestNode.start(node, port, { building: node === 'a' ? 'north' : 'south' }, path(node)));
  });
  after(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('is told by that node why it cannot take a camera, has it recorded where it can be, and takes the key when it is brought', async () => {
    await cameras.put(GATE, 0);
    await until(() => nodes[0]!.kernel.recording.includes('gate'), 'the node with the key records it');
    assert.deepEqual(nodes[0]!.kernel.given('gate'), GATE.camera);
    const yard: SiteCamera = { camera: { id: 'yard', url: 'rtsp://joe:s3cret@cam.example/yard' }, require: { building: 'south' } };
    await cameras.put(yard, 0);
    const refused = async (): Promise<string | undefined> => (await store.nodes.get('b'))?.value?.refused.yard;
    await until(async () => await refused() !== undefined, 'it is refused');
    assert.match(await refused() ?? '', /sealed, and this node has no key of the site: bring .*b\.key here from a node that has it/);
    assert.equal(nodes[1]!.kernel.given('yard'), undefined, 'nothing is asked with what is not known');
    assert.deepEqual(await cameras.nodesWithoutKey(), ['b']);
    copyFileSync(path('a'), path('b'));
    await until(() => nodes[1]!.kernel.recording.includes('yard'), 'it is recorded when the key is there');
    assert.deepEqual(nodes[1]!.kernel.given('yard'), yard.camera);
    await until(async () => await refused() === undefined && (await cameras.nodesWithoutKey()).length === 0, 'all is well');
  });

  it('changes its key while all is recorded, and seals nothing that a node could not open', async () => {
    const attempts = (): number => nodes.reduce((sum, { kernel }) => sum + [...kernel.attempts.values()].reduce((one, other) => one + other, 0), 0);
    const before = attempts();
    const old = keys().ids[0]!;
    const newest = keys().rotate().ids[0]!;
    await until(async () => (await store.nodes.get('a'))?.value?.key_ids?.length === 2, 'the first node has both');
    await assert.rejects(cameras.sealAll(), { code: 'invalid_state', message: new RegExp(`do not have the key ${newest}.*: b\\. Bring`) });
    assert.equal(keys().credentialsOf((await store.cameras.get('gate'))!.value!), 'older_key', 'nothing was changed');
    copyFileSync(path('a'), path('b'));
    await until(async () => (await cameras.nodesWithoutKey()).length === 0, 'the second node has it');
    assert.deepEqual(await cameras.sealAll(), { sealed: ['gate', 'yard'], left: [] });
    assert.deepEqual(await cameras.sealAll(), { sealed: [], left: [] });
    keys().forget();
    copyFileSync(path('a'), path('b'));
    const told = async (node: string): Promise<string[]> => (await store.nodes.get(node))?.value?.key_ids ?? [];
    await until(async () => (await told('a')).join() === newest && (await told('b')).join() === newest, 'both have the new one alone');
    assert.notEqual(newest, old);
    await until(async () => (await store.ofNodes.get('a'))?.revision === (await store.nodes.get('a'))?.value?.applied, 'what was sealed anew is acted on');
    assert.deepEqual([nodes[0]!.kernel.given('gate'), nodes[1]!.kernel.given('yard')?.id], [GATE.camera, 'yard']);
    assert.equal(attempts(), before, 'no camera was let go meanwhile');
  });

  it('has had no password in a message, nor in a file of NATS', () => {
    assert.ok(heard.some((message) => message.includes('sealed:v1.')), 'what is told was heard');
    assert.deepEqual(heard.filter((message) => message.includes('s3cret') || message.includes('joe')), []);
    const files = readdirSync(nats.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    assert.ok(files.some((content) => content.includes('sealed:v1.')));
    const secrets = ['s3cret', ...readFileSync(path('a'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))];
    assert.deepEqual(files.filter((content) => secrets.some((secret) => content.includes(secret))), []);
  });

  it('takes what lies in the clear from before, and seals it when it is told to', async () => {
    const old: SiteCamera = { camera: { id: 'old', url: 'rtsp://joe:s3cret@cam.example/old' } };
    await store.cameras.put('old', old, 0);
    const given = (): SiteCamera['camera'] | undefined => nodes.map(({ kernel }) => kernel.given('old')).find((camera) => camera !== undefined);
    await until(() => given() !== undefined, 'it is recorded');
    assert.deepEqual((await cameras.sealAll()).sealed, ['old']);
    assert.equal(keys().credentialsOf((await store.cameras.get('old'))!.value!), 'sealed');
    await until(() => given()?.url === old.camera.url, 'it is recorded as before');
  });
});
