// Credentials of cameras lie sealed in ruth.yaml, open with the key of the node alone, and are what they were where they are needed.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { cameraUrlProblem, redactUrls } from '@ruth/protocol';
import { loadSettings, Seal } from '@ruth/transport';
import { SettingsFile } from '../src/index.ts';

const PLAIN = `# mine
cameras:
  - id: door
    url: rtsp://anna:ge%40heim@h:8554/live?x=1#y   # by the gate
    detect_url: rtsp://h/user=admin_password=geheim_channel=1.sdp
    onvif: {url: http://h/onvif, user: anna, password: geheim}
  - {id: yard, url: rtsp://h/open}
live: {rtsp: {user: viewer, password: geheim}}
`;

function fileOf(t: TestContext, text: string): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-sealed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ruth.yaml');
  writeFileSync(file, text);
  return { folder, file };
}

test('what stands there plain is sealed, comments stay, and whoever reads the settings gets what it was', (t) => {
  const { folder, file } = fileOf(t, PLAIN);
  const before = loadSettings(file);
  assert.equal(SettingsFile.read(file).sealPlain(), true);
  const text = readFileSync(file, 'utf8');
  assert.doesNotMatch(text, /heim|anna:|user=admin/);
  assert.match(text, /^# mine[^]*url: rtsp:\/\/sealed:v1\.[\w-]+@h:8554 +# by the gate[^]*url: rtsp:\/\/h\/open/);
  assert.deepEqual(loadSettings(file), before);
  assert.deepEqual(SettingsFile.read(file).settings.cameras, before.cameras);
  assert.equal(SettingsFile.read(file).sealPlain(), false, 'once');
  assert.equal(statSync(join(folder, 'ruth-data/ruth.key')).mode & 0o777, 0o600);
  // A change of something else leaves what is sealed as it is; what is given new is sealed.
  const changed = SettingsFile.read(file);
  changed.putCamera({ id: 'gate', url: 'rtsp://bert:neu@h/3' });
  assert.equal(changed.write().cameras.find(({ id }) => id === 'gate')!.url, 'rtsp://bert:neu@h/3');
  assert.doesNotMatch(readFileSync(file, 'utf8'), /bert|neu@/);
});

test('without its key, with another, or for another host nothing opens, and nothing is said of what it was', (t) => {
  const { folder, file } = fileOf(t, PLAIN);
  SettingsFile.read(file).sealPlain();
  const key = join(folder, 'ruth-data/ruth.key');
  renameSync(key, `${key}.away`);
  assert.throws(() => loadSettings(file), { code: 'invalid_config', message: /ruth\.key, is not there/ });
  writeFileSync(key, Buffer.alloc(32, 7));
  assert.throws(() => loadSettings(file), { code: 'invalid_config', message: /sealed with another key/ });
  renameSync(`${key}.away`, key);
  writeFileSync(file, readFileSync(file, 'utf8').replace('@h:8554', '@evil:8554'));
  assert.throws(() => loadSettings(file), { code: 'invalid_config', message: /for something else/ });
  assert.throws(() => Seal.find(folder), { code: 'invalid_config' }, 'a folder is no key');
});

test('a file without credentials needs no key and makes none; a file that the settings name is the key', (t) => {
  const { folder, file } = fileOf(t, 'cameras:\n  - {id: yard, url: rtsp://h/open}\n');
  assert.equal(SettingsFile.read(file).sealPlain(), false);
  assert.equal(Seal.find(join(folder, 'ruth-data/ruth.key')), null);
  writeFileSync(join(folder, 'passed-on'), 'whatever systemd-creds holds');
  writeFileSync(file, 'paths: {key_file: passed-on}\ncameras:\n  - {id: yard, url: rtsp://u:p@h/1}\n');
  assert.equal(SettingsFile.read(file).sealPlain(), true);
  assert.equal(existsSync(join(folder, 'ruth-data')), false, 'no other key is made');
  assert.equal(loadSettings(file).cameras[0]!.url, 'rtsp://u:p@h/1');
  const seal = Seal.find(join(folder, 'passed-on'))!;
  const sealed = seal.sealUrl('rtsps://u:p%40%3A@[2001:db8::1]:322/a b'.replace(' ', '%20'));
  assert.equal(cameraUrlProblem(sealed), null);
  assert.match(redactUrls(sealed), /^rtsps:\/\/\*\*\*@\[2001:db8::1\]:322$/);
  assert.equal(seal.openUrl(sealed), 'rtsps://u:p%40%3A@[2001:db8::1]:322/a%20b');
  assert.notEqual(seal.sealUrl('rtsp://u:p@h/1'), seal.sealUrl('rtsp://u:p@h/1'), 'the same twice looks different');
});
