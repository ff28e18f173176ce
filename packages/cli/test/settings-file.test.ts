import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseSettings } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { followingFile, resolveSettings, SettingsFile } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ruth-file-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function fileOf(text: string): string {
  const path = join(folder, `ruth-${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

const WRITTEN_BY_HAND = `# our house
http: { port: 9000 }   # behind the proxy

cameras:
  # the front door
  - id: door
    url: "rtsp://h/p%40x/1"   # main stream
    frames: { slots: 4 }

  # the yard
  - id: yard
    url: rtsp://h/2

log_level: debug
`;

test('a camera is added behind the others, and what people wrote stays as it was', () => {
  const path = fileOf(WRITTEN_BY_HAND);
  const file = SettingsFile.read(path);
  file.putCamera({ id: 'gate', name: 'Gate', url: 'rtsp://h/3', recording: { active: false } });
  assert.deepEqual(file.write().cameras.map(({ id }) => id), ['door', 'yard', 'gate']);
  const text = readFileSync(path, 'utf8');
  for (const line of WRITTEN_BY_HAND.split('\n').filter((one) => one.trim() !== '')) {
    assert.ok(text.replaceAll(/ +#/g, ' #').includes(line.replaceAll(/ +#/g, ' #')), `${line} is gone from\n${text}`);
  }
  assert.ok(text.indexOf('id: gate') > text.indexOf('id: yard') && text.indexOf('id: gate') < text.indexOf('log_level'));
});

test('a camera that is changed keeps what was not named', () => {
  const path = fileOf(WRITTEN_BY_HAND);
  const file = SettingsFile.read(path);
  file.putCamera({ id: 'door', url: 'rtsp://h/other' });
  const [door] = file.write().cameras;
  assert.deepEqual([door!.url, door!.slotCount], ['rtsp://h/other', 4]);
  assert.match(readFileSync(path, 'utf8'), /# the front door/);
});

test('a camera is removed with the subscriptions and rules that name it', () => {
  const path = fileOf('cameras:\n  - {id: a, url: rtsp://h/1}\n  - {id: b, url: rtsp://h/2}\nmodels: [{id: m}]\nsubscriptions:\n  - {camera: a, model: m, desired_fps: 1}\n  - {camera: "*", model: m, desired_fps: 2}\nrules:\n  - {id: crowd, camera: a, when: at least 2 person}\n');
  const file = SettingsFile.read(path);
  assert.deepEqual(file.removeCamera('a'), { subscriptions: 1, rules: 1 });
  const settings = file.write();
  assert.deepEqual([settings.cameras.map(({ id }) => id), settings.subscriptions.map(({ camera }) => camera), settings.rules], [['b'], ['b'], []]);
  assert.throws(() => SettingsFile.read(path).removeCamera('a'), { code: 'camera_not_found' });
});

test('a file that is not there, empty, of comments alone, or with an empty list takes a camera', () => {
  for (const path of [join(folder, 'new.yaml'), fileOf(''), fileOf('# nothing yet\n'), fileOf('cameras: []\n')]) {
    const isNew = !readdirSync(folder).includes(path.slice(folder.length + 1));
    const file = SettingsFile.read(path);
    file.putCamera({ id: 'one', url: 'rtsp://u:p@h/1' });
    file.write();
    assert.deepEqual(parseSettings(readFileSync(path, 'utf8'), path).cameras.map(({ id }) => id), ['one']);
    if (isNew) assert.equal(statSync(path).mode & 0o777, 0o600);
  }
});

test('mode and link of the file stay, and nothing is left beside it', () => {
  const path = fileOf(WRITTEN_BY_HAND);
  chmodSync(path, 0o640);
  const link = join(folder, 'link.yaml');
  symlinkSync(path, link);
  const file = SettingsFile.read(link);
  file.putCamera({ id: 'gate', url: 'rtsp://h/3' });
  file.write();
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.match(readFileSync(path, 'utf8'), /id: gate/);
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('.')), []);
});

test('what would be wrong is not written', () => {
  const path = fileOf(WRITTEN_BY_HAND);
  for (const camera of [{ id: 'gate', url: 'http://h/' }, { id: '../x', url: 'rtsp://h/' }]) {
    const file = SettingsFile.read(path);
    file.putCamera(camera);
    assert.throws(() => file.write(), { code: 'invalid_config' });
  }
  assert.equal(readFileSync(path, 'utf8'), WRITTEN_BY_HAND);
  assert.throws(() => SettingsFile.read(fileOf('camras: []\n')), { code: 'invalid_config', message: /did you mean cameras/ });
});

test('what somebody else wrote meanwhile is not overwritten', () => {
  const path = fileOf(WRITTEN_BY_HAND);
  const file = SettingsFile.read(path);
  file.putCamera({ id: 'gate', url: 'rtsp://h/3' });
  writeFileSync(path, '# mine\n');
  assert.throws(() => file.write(), { code: 'invalid_state' });
  assert.equal(readFileSync(path, 'utf8'), '# mine\n');
});

test('a process that starts again knows the cameras that are in the file by then, or those of before where the file is wrong', () => {
  const path = fileOf('cameras:\n  - {id: a, url: rtsp://h/1}\nmodels: [{id: m}]\nsubscriptions:\n  - {camera: "*", model: m, desired_fps: 2}\nrules:\n  - {id: crowd, camera: a, when: at least 2 person}\n');
  const text = followingFile(resolveSettings({ file: path }), { file: path }, createLogger('test', 'silent'));
  const file = SettingsFile.read(path);
  file.putCamera({ id: 'b', url: 'rtsp://h/2' });
  file.write();
  const now = parseSettings(text(), 'x');
  assert.deepEqual([now.cameras.map(({ id }) => id), now.subscriptions.map(({ camera }) => camera)], [['a', 'b'], ['a', 'b']]);
  writeFileSync(path, 'cameras: 7\n');
  assert.deepEqual(parseSettings(text(), 'x').cameras.map(({ id }) => id), ['a']);
});

test('a process that starts again takes the models as they run, whatever the file says of them: it cannot always be written', () => {
  const switches = [{ id: 'centernet-coco', isOn: true }, { id: 'movenet-lightning', isOn: false }, { id: 'mine', isOn: true }, { id: 'lies-there', isOn: false }];
  for (const file of ['cameras: [{id: a, url: rtsp://h/1}]\n', 'cameras: [{id: a, url: rtsp://h/1}]\nmodels: [{id: centernet-coco, active: false}, {id: movenet-lightning}]   # mine\n']) {
    let models: typeof switches = [];
    const path = fileOf(file);
    const source = { file: path, models: () => models };
    const text = followingFile(resolveSettings(source), source, createLogger('test', 'silent'));
    models = switches;
    const now = parseSettings(text(), 'x');
    assert.deepEqual(now.models.map(({ id }) => id), ['centernet-coco', 'mine']);
    assert.deepEqual(now.subscriptions.map(({ model }) => model), ['centernet-coco']);
    models = [{ id: 'centernet-coco', isOn: true }, { id: 'movenet-lightning', isOn: true }];
    assert.deepEqual(parseSettings(text(), 'x').subscriptions.map(({ model }) => model), ['centernet-coco', 'movenet-lightning']);
    assert.equal(readFileSync(path, 'utf8'), file);
  }
  // Nor need there be a file.
  const source = { stateDirectory: fileOf(''), models: () => switches };
  assert.deepEqual(resolveSettings(source).models.map(({ id }) => id), ['centernet-coco', 'mine']);
});
