// Cameras of a node that runs, and what shall be at each: kept in its file, told to a kernel and a core that are really asked.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type CameraIntent, cameraSettings, coreSocketPath, kernelSocketPath, NodeCamera, type RuthError, validator } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { NodeCameras, resolveSettings, type SettingsSource } from '../src/index.ts';

interface Told { readonly part: string; readonly method: string; readonly path: string; readonly body: Record<string, unknown> | null }

async function place(t: TestContext, { running = true }: { running?: boolean } = {}): Promise<{ directory: string; told: Told[]; cameras: (source: SettingsSource) => NodeCameras }> {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-cameras-'));
  const told: Told[] = [];
  const servers = running ? [kernelSocketPath(directory), coreSocketPath(directory)].map((path) => createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const text = Buffer.concat(chunks as Buffer[]).toString();
      told.push({ part: path.includes('kernel') ? 'kernel' : 'core', method: request.method!, path: request.url!, body: text === '' ? null : JSON.parse(text) as Record<string, unknown> });
      response.writeHead(204).end();
    });
  }).listen(path)) : [];
  t.after(() => {
    for (const server of servers) server.close().closeAllConnections();
    rmSync(directory, { recursive: true });
  });
  return { directory, told, cameras: (source) => new NodeCameras({ source, socketDirectory: directory, logger: createLogger('test', 'silent') }) };
}

const zone = { id: 'mat', polygon: [[0, 0], [1, 0], [1, 1]] as [number, number][] };
const loitering = { id: 'loitering', when: 'person in zone "mat" for 10 s' };

test('a camera is added, changed and removed in the file, and kernel and core are told each time', async (t) => {
  const { directory, told, cameras } = await place(t);
  const file = join(directory, 'ruth.yaml');
  writeFileSync(file, '# mine\ncameras:\n  - {id: door, url: rtsp://h/1}   # the old one\n');
  const node = cameras({ file });
  const added = await node.add({ id: 'yard', name: 'Yard', url: 'rtsp://anna:geheim@h/2', onvif: { url: 'http://h/onvif', user: 'anna', password: 'geheim' } });
  assert.deepEqual(validator(NodeCamera).violations(added), []);
  assert.doesNotMatch(JSON.stringify([added, node.list()]), /geheim/);
  assert.equal(added.has_credentials, true);
  assert.deepEqual(told.map(({ part, method, path }) => `${part} ${method} ${path}`), ['kernel PUT /v1/cameras/yard', 'core PUT /v1/cameras/yard']);
  assert.equal(told[0]!.body!.url, 'rtsp://anna:geheim@h/2');
  assert.deepEqual((told[1]!.body!.subscriptions as { model: string }[]).map(({ model }) => model), ['centernet-coco', 'movenet-lightning']);

  assert.equal((await node.change('yard', { name: null, note: 'by the gate' })).config.name, 'yard');
  assert.match(readFileSync(file, 'utf8'), /sealed:v1[^]*note: by the gate/, 'what was not named stays');
  assert.doesNotMatch(readFileSync(file, 'utf8'), /geheim/);
  await assert.rejects(node.change('yard', { url: added.config.url }), { code: 'bad_request', problems: [{ pointer: '/url', message: 'is as it is shown, without user and password; give it whole, or leave it out to keep it' }] });
  await assert.rejects(node.add({ id: 'yard', url: 'rtsp://h/3' }), { code: 'conflict' });
  const { length: told0 } = told;
  for (const [change, pointer] of [[{ url: 'rtsp://169.254.169.254/1' }, '/url'], [{ detect_url: 'rtsp://[fe80::1]/1' }, '/detect_url'], [{ onvif: { url: 'http://0.0.0.0/onvif' } }, '/onvif/url']] as const) {
    await assert.rejects(node.change('yard', change), (error: RuthError) => error.code === 'forbidden' && error.problems[0]?.pointer === pointer && /camera_addresses\.allow/.test(error.message));
  }
  await assert.rejects(node.probeTask({ url: 'rtsp://100.100.100.200/' }), { code: 'forbidden' });
  assert.equal(told.length, told0, 'nothing is asked for there');
  await assert.rejects(node.add({ id: 'x', url: 'http://h/3' }), { code: 'bad_request', message: /begins with http/ });

  await node.remove('yard');
  assert.deepEqual(told.slice(-2).map(({ part, method }) => `${part} ${method}`), ['core DELETE', 'kernel DELETE']);
  assert.match(readFileSync(file, 'utf8'), /^# mine\ncameras:\n {2}- \{ ?id: door, url: rtsp:\/\/h\/1 ?\} *# the old one\n$/);
  await assert.rejects(node.remove('yard'), { code: 'camera_not_found' });
});

test('scene, rules and models of a camera are kept under it; what is for all cameras stays so', async (t) => {
  const { directory, told, cameras } = await place(t);
  const file = join(directory, 'ruth.yaml');
  writeFileSync(file, `cameras:
  - {id: door, url: rtsp://h/1}
  - id: yard
    url: rtsp://h/2
    zones:
      - {id: lawn, polygon: [[0, 0], [1, 0], [1, 1]]}   # drawn in May
models: [{id: finder}, {id: reader}]
subscriptions:
  - {camera: "*", model: finder, desired_fps: 5}   # everywhere
rules:
  - {id: crowd, camera: "*", when: at least 5 person}
  - {id: cats, camera: yard, when: cat in zone lawn}   # mine
`);
  const node = cameras({ file });
  const door = await node.changeIntent('door', { scene: { zones: [zone] }, rules: [loitering], subscriptions: [{ model: 'finder', desired_fps: 2 }, { model: 'reader', desired_fps: 1 }] });
  assert.deepEqual(door.scene, { zones: [zone] });
  assert.deepEqual([door.rules.map(({ id }) => id), door.shared_rules.map(({ id }) => id)], [['loitering'], ['crowd']]);
  assert.deepEqual(door.subscriptions.map(({ model, desired_fps }) => [model, desired_fps]).toSorted(), [['finder', 2], ['reader', 1]]);
  const { path, body } = told.at(-1)!;
  assert.deepEqual([path, (body!.scene as { zones: unknown[] }).zones.length, (body!.rules as unknown[]).length], ['/v1/cameras/door', 1, 2]);

  // As for all again: no line of its own. Without the model that looks everywhere: switched off here alone.
  await node.changeIntent('door', { subscriptions: [{ model: 'finder', desired_fps: 5 }] });
  assert.doesNotMatch(readFileSync(file, 'utf8'), /camera: door, model/);
  const none = await node.changeIntent('door', { subscriptions: [] });
  assert.deepEqual(none.subscriptions.map(({ model, active }) => [model, active]), [['finder', false]]);
  assert.deepEqual(none.rules.map(({ id }) => id), ['loitering'], 'what is not given stays');

  await assert.rejects(node.changeIntent('door', { scene: {} }), { code: 'invalid_config', message: /zone "?mat/ });
  await node.changeIntent('door', { scene: {}, rules: [] });
  const text = readFileSync(file, 'utf8');
  for (const kept of ['# drawn in May', '# everywhere', '# mine']) assert.ok(text.includes(kept), `${kept} is gone from\n${text}`);
  assert.doesNotMatch(text, /mat/);
  assert.deepEqual(node.get('yard').rules.map(({ id }) => id), ['cats']);
});

test('a node that was started without a file keeps what is changed in a file of its own, and has it at the next start', async (t) => {
  const { directory, cameras } = await place(t);
  const stateDirectory = join(directory, 'state');
  const demo = cameraSettings({ id: 'demo', name: 'Demo', url: 'rtsp://127.0.0.1:1234/demo' });
  const source = { stateDirectory, extraCamera: demo };
  const node = cameras(source);
  await node.add({ id: 'yard', url: 'rtsp://h/2' });
  assert.equal(statSync(join(stateDirectory, 'ruth.yaml')).mode & 0o777, 0o600);
  assert.deepEqual(node.list().map(({ config, managed }) => [config.id, managed]), [['yard', true], ['demo', false]]);
  await node.changeIntent('demo', { scene: { zones: [zone] }, rules: [loitering] });
  await assert.rejects(node.change('demo', { name: 'Other' }), { code: 'invalid_state', message: /brought along by the command/ });
  await assert.rejects(node.remove('demo'), { code: 'invalid_state' });

  const again = resolveSettings({ ...source, extraCamera: { ...demo, url: 'rtsp://127.0.0.1:5678/demo' } });
  assert.deepEqual(again.cameras.map(({ id, url }) => [id, url]), [['yard', 'rtsp://h/2'], ['demo', 'rtsp://127.0.0.1:5678/demo']]);
  assert.deepEqual([again.scenes.demo?.zones?.length, again.rules.length, again.subscriptions.length], [1, 1, 4]);
  assert.ok(again.models.every(({ folder }) => !folder.startsWith(directory)), 'built-in models are where they always are');
});

test('what a camera that a command brought along begins with is told as its own, and stays where a part of it is changed', async (t) => {
  const { directory, cameras } = await place(t);
  const demo = cameraSettings({ id: 'demo', name: 'Demo', url: 'rtsp://127.0.0.1:1234/demo' });
  const extraIntent: CameraIntent = { subscriptions: [{ model: 'centernet-coco', desired_fps: 2, config: { classes: ['person'] } }, { model: 'not-there', desired_fps: 1 }], scene: { zones: [zone] }, rules: [loitering] };
  const source = { stateDirectory: join(directory, 'state'), extraCamera: demo, extraIntent };
  const node = cameras(source);
  const begun = node.get('demo');
  assert.deepEqual([begun.scene, begun.rules, begun.shared_rules, begun.managed], [extraIntent.scene, [loitering], [], false]);
  const looking = (): (string | number | undefined)[][] => node.get('demo').subscriptions.map(({ model, desired_fps, config }) => [model, desired_fps, config?.classes?.join()]);
  assert.deepEqual(looking(), [['centernet-coco', 2, 'person']], 'as far as its models are there');

  const changed = await node.changeIntent('demo', { rules: [{ ...loitering, severity: 'low' }] });
  assert.deepEqual([changed.scene, changed.rules.map(({ severity }) => severity)], [extraIntent.scene, ['low']]);
  assert.deepEqual(looking(), [['centernet-coco', 2, 'person']]);
  await node.changeIntent('demo', { rules: [], scene: {} });
  assert.deepEqual([node.get('demo').scene, node.get('demo').rules], [{}, []], 'what was taken away does not come back');
  assert.deepEqual(resolveSettings(source).rules, []);
});

test('while kernel and core are away the file is changed all the same', async (t) => {
  const { directory, cameras } = await place(t, { running: false });
  const file = join(directory, 'ruth.yaml');
  await cameras({ file }).add({ id: 'yard', url: 'rtsp://h/2' }).catch(() => undefined);
  // A file that was named must be there; one of Ruth's own need not.
  assert.equal(existsSync(file), false);
  writeFileSync(file, '');
  assert.equal((await cameras({ file }).add({ id: 'yard', url: 'rtsp://h/2' })).config.id, 'yard');
  assert.match(readFileSync(file, 'utf8'), /id: yard/);
});

test('core is told anew who looks at each camera once a model is switched on: it may have begun without it', async (t) => {
  const { directory, told, cameras } = await place(t);
  const file = join(directory, 'ruth.yaml');
  writeFileSync(file, 'cameras: [{id: door, url: rtsp://h/1}, {id: yard, url: rtsp://h/2}]\nmodels: [{id: finder, active: false}]\nsubscriptions: [{camera: "*", model: finder, desired_fps: 5}]\n');
  let isOn = false;
  const node = cameras({ file, models: () => [{ id: 'finder', isOn }] });
  const looks = (): unknown[] => told.splice(0).map(({ path, body }) => [path, (body!.subscriptions as { model: string }[]).map(({ model }) => model)]);
  await node.tellOfModels();
  assert.deepEqual(looks(), [['/v1/cameras/door', []], ['/v1/cameras/yard', []]]);
  isOn = true;
  await node.tellOfModels();
  assert.deepEqual(looks(), [['/v1/cameras/door', ['finder']], ['/v1/cameras/yard', ['finder']]]);
});
