import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseSettings } from '@ruth/protocol';
import { resolveSettings, settingsText } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ruth-settings-'));
after(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'ruth.yaml');
  writeFileSync(path, text);
  return path;
}

test('settings survive being handed to a process', () => {
  const settings = resolveSettings({ file: file('http:\n  tls: {certificate: tls/chain.pem, key: /etc/key.pem}\ntelemetry: {headers: {authorization: {file: otlp}}}\ncameras:\n  - id: door\n    url: rtsp://u:p@h/1\n    transport: udp\n    onvif: {url: http://h/onvif/device_service, user: a, password: b}\nsubscriptions:\n  - {camera: door, model: centernet-coco, desired_fps: 2}\n') });
  assert.deepEqual(settings.telemetry, { headers: { authorization: { file: join(folder, 'otlp') } } });
  assert.deepEqual(settings.http.tls, { certificateFile: join(folder, 'tls/chain.pem'), keyFile: '/etc/key.pem' });
  assert.deepEqual(parseSettings(settingsText(settings), 'x'), settings);
});

test('scenes and rules survive being handed to a process', () => {
  const settings = resolveSettings({ file: file(`time_zone: Europe/Berlin
cameras:
  - id: door
    url: rtsp://h/1
    zones: [{id: mat, polygon: [[0, 0], [1, 0], [1, 1]], dwell_s: 5}]
    lines: [{id: sill, points: [[0, 0.5], [1, 0.5]]}]
    masks: [{polygon: [[0, 0], [1, 0], [1, 1]]}]
    left_objects: {after_s: 60}
rules:
  - {id: lingering, camera: "*", when: 'person in zone mat for 10 s', severity: high}
`) });
  assert.equal(settings.rules.length, 1);
  assert.deepEqual(parseSettings(settingsText(settings), 'x'), settings);
});

test('cameras of the command line need no file and get the default subscriptions', () => {
  const settings = resolveSettings({ cameraUrls: ['rtsp://a/1', 'rtsp://b/2'] });
  assert.deepEqual(settings.cameras.map((camera) => camera.id), ['camera-1', 'camera-2']);
  assert.equal(settings.subscriptions.length, 4);
  assert.ok(settings.models.every((model) => model.folder.startsWith('/')));
});

test('cameras of the command line stand beside those of the file, whose subscriptions stay as declared', () => {
  const settings = resolveSettings({ file: file('cameras:\n  - {id: door, url: rtsp://h/1}\nsubscriptions:\n  - {camera: door, model: centernet-coco, desired_fps: 2}\n'), cameraUrls: ['rtsp://a/1'] });
  assert.deepEqual(settings.subscriptions.filter((subscription) => subscription.camera === 'door').map((subscription) => subscription.desired_fps), [2]);
  assert.equal(settings.subscriptions.filter((subscription) => subscription.camera === 'camera-1').length, 2);
});

test('what a node remembers lies beside its file, and in the user\'s folder for state where there is no file', () => {
  assert.equal(resolveSettings({ file: file('') }).dataDirectory, join(folder, 'ruth-data'));
  assert.equal(resolveSettings({ file: file('paths: {data_directory: /srv/ruth}\n') }).dataDirectory, '/srv/ruth');
  assert.equal(resolveSettings({ stateDirectory: '/home/me/.local/state/ruth' }).dataDirectory, '/home/me/.local/state/ruth');
});

test('RUTH_HTTP_PORT stands above the file and is checked', () => {
  assert.equal(resolveSettings({ file: file('http: {port: 9000}\n'), httpPort: '0' }).http.port, 0);
  assert.throws(() => resolveSettings({ httpPort: '80a' }), { code: 'invalid_config', message: /RUTH_HTTP_PORT is "80a"; give a port from 0 to 65535/ });
});

test('a wrong camera URL is refused without its password', () => {
  assert.throws(() => resolveSettings({ cameraUrls: ['http://admin:hunter2@h/'] }), (error: Error) => {
    assert.match(error.message, /begins with http:\/\/; use rtsp:\/\//);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test('a file that is not there is named', () => {
  assert.throws(() => resolveSettings({ file: join(folder, 'none.yaml') }), { code: 'invalid_config', message: /there is no file .*none\.yaml/ });
  assert.throws(() => resolveSettings({ cameraUrls: ['nonsense'] }), { code: 'invalid_config', message: /^--camera nonsense: .*use rtsp:\/\/\[user:password@\]host/ });
});
