import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSettings, RuthError } from '../src/index.ts';

const camera = (extra = ''): string => `cameras:\n  - id: front\n    url: rtsp://admin:secret@192.0.2.7/stream\n${extra}`;

function messageOf(text: string): string {
  try {
    parseSettings(text, 'ruth.yaml');
  } catch (error) {
    assert.ok(error instanceof RuthError);
    assert.equal(error.code, 'invalid_config');
    assert.doesNotMatch(error.message, /secret/);
    return error.message;
  }
  return assert.fail('the settings were accepted');
}

for (const [name, text, ...expected] of [
  ['a mistyped key', 'cameras:\n  - id: front\n    ulr: rtsp://admin:secret@h/p\n', /^ruth\.yaml:2:5: cameras\.0\.url is missing$/m, /^ruth\.yaml:3:5: cameras\.0\.ulr is not a known key; did you mean url\?$/m],
  ['a mistyped key at the top', 'camera: []\n', /^ruth\.yaml:1:1: camera is not a known key; did you mean cameras\?$/],
  ['a key like no other', 'zzz: 1\n', /zzz is not a known key; known here: http, paths, log_level, recording, events, live, decoding, cameras, models, subscriptions, time_zone, rules, site, oidc, mqtt, notifications, camera_addresses, telemetry, copies$/],
  ['a key with a slash', '"a/b": 1\n', /^ruth\.yaml:1:1: a\/b is not a known key/],
  ['a wrong type', 'http:\n  port: eighty\n', /^ruth\.yaml:2:3: http\.port must be integer, not "eighty"$/],
  ['a number where a text belongs', `cameras:\n  - id: 7\n    url: rtsp://h/p\n`, /^ruth\.yaml:2:5: cameras\.0\.id must be string, not 7; put it in quotes$/],
  ['a number out of range', 'http:\n  port: 70000\n', /^ruth\.yaml:2:3: http\.port must be <= 65535, not 70000$/],
  ['a word that is none of those allowed', 'log_level: verbose\n', /^ruth\.yaml:1:1: log_level must be one of "debug", "info", "warn", "error", not "verbose"$/],
  ['a camera id that is no id', 'cameras:\n  - id: ../etc\n    url: rtsp://h/p\n', /^ruth\.yaml:2:5: cameras\.0\.id must be 1 to 63 letters/],
  ['two cameras of one id', `${camera()}  - id: front\n    url: rtsp://other/p\n`, /^ruth\.yaml:4:5: cameras\.1\.id: front is taken by a camera above; choose another id$/],
  ['a key that stands twice', 'log_level: info\nlog_level: warn\n', /^ruth\.yaml:2:1: log_level stands here twice; keep one$/],
  ['a URL of another protocol', 'cameras:\n  - id: front\n    url: http://admin:secret@h/p\n', /^ruth\.yaml:3:5: cameras\.0\.url: begins with http:\/\/; use rtsp:\/\/ or rtsps:\/\/$/],
  ['what is no URL', 'cameras:\n  - id: front\n    url: "rtsp://admin:secret@h:99999/p"\n', /^ruth\.yaml:3:5: cameras\.0\.url: is not a URL; use rtsp:/],
  ['a URL where a camera belongs', 'cameras:\n  - rtsp://admin:secret@h/p\n', /^ruth\.yaml:2:5: cameras\.0 must be object, not "rtsp:\/\/\*\*\*@h\/p"$/],
  ['a list where a URL belongs', 'cameras:\n  - id: front\n    url: [rtsp://admin:secret@h/p]\n', /cameras\.0\.url must be string/],
  ['a URL as long as a book', `cameras:\n  - id: front\n    url: rtsp://admin:secret@${'h'.repeat(2048)}\n`, /cameras\.0\.url must not have more than 2048 characters/],
  ['a URL as a key', 'cameras:\n  - id: front\n    rtsp://admin:secret@h/p: x\n', /is not a known key/],
  ['broken YAML', `cameras:\n  - id: front\n   url: rtsp://admin:secret@h/p\n`, /^ruth\.yaml:3:1: /],
  ['a quote left open', `cameras: [{id: front, url: "rtsp://admin:secret@h/p}]\n`, /^ruth\.yaml:\d+:\d+: Missing closing/],
  ['two documents', 'log_level: info\n---\nlog_level: warn\n', /^ruth\.yaml:2:1: a second document begins here; keep one$/],
  ['an alias of nothing', 'cameras: *nothing\n', /^ruth\.yaml: .*nothing/],
  ['aliases that multiply', `${['a', 'b', 'c', 'd'].map((name, index) => `${name}: &${name} [${Array(9).fill(index === 0 ? 'x' : `*${'abcd'[index - 1]}`).join(', ')}]`).join('\n')}\n`, /^ruth\.yaml: Excessive alias count/],
  ['a list', '- a\n', /^ruth\.yaml: the document must be object, not \["a"\]$/],
  ['a subscription to a camera that is not there', camera('subscriptions:\n  - camera: back\n    model: centernet-coco\n    desired_fps: 5\n'), /^ruth\.yaml:5:5: subscriptions\.0\.camera: back is no camera of this file; known: front$/],
  ['a subscription to a model that is not there', camera('subscriptions:\n  - camera: front\n    model: yolo\n    desired_fps: 5\n'), /^ruth\.yaml:6:5: subscriptions\.0\.model: yolo is no model of this file; known: centernet-coco, movenet-lightning$/],
  ['regions of a model that is not there', camera('subscriptions:\n  - camera: front\n    model: movenet-lightning\n    desired_fps: 5\n    regions: { model: yolo }\n'), /^ruth\.yaml:8:5: subscriptions\.0\.regions: yolo is no model of this file/],
  ['models that follow one another in a circle', camera('subscriptions:\n  - {camera: "*", model: centernet-coco, desired_fps: 5, regions: {model: movenet-lightning}}\n  - {camera: front, model: movenet-lightning, desired_fps: 5, regions: {model: centernet-coco}}\n'),
    /^ruth\.yaml:5:\d+: subscriptions\.0\.regions: centernet-coco follows movenet-lightning follows centernet-coco: a model cannot follow itself$/],
  ['a mistyped key deep inside', camera('subscriptions:\n  - camera: front\n    model: movenet-lightning\n    desired_fps: 5\n    regions: { model: centernet-coco, max_region: 3 }\n'), /^ruth\.yaml:8:39: subscriptions\.0\.regions\.max_region is not a known key; did you mean max_regions\?$/],
  ['a first port of pipes without a last', 'site:\n  nats: [nats://n]\n  pipes: {first_port: 20000}\n', /^ruth\.yaml:3:3: site\.pipes: needs first_port and last_port, the last not below the first, or neither$/],
  ['two models of one id', 'models:\n  - id: a\n  - id: a\n', /^ruth\.yaml:3:5: models\.1\.id: a stands above already$/],
  ['no frames a second', camera('subscriptions:\n  - camera: front\n    model: centernet-coco\n    desired_fps: 0\n'), /^ruth\.yaml:7:5: subscriptions\.0\.desired_fps must be > 0, not 0$/],
] as const) {
  test(`Settings with ${name} are refused, naming file, line, key and what would be right`, () => {
    const message = messageOf(text);
    for (const pattern of expected) assert.match(message, pattern);
  });
}

test('Every problem of a file is said at once, one a line', () => {
  assert.equal(messageOf(Array.from({ length: 20 }, (_, index) => `wrong_${index}: 1\n`).join('')).split('\n').length, 20);
  assert.equal(messageOf('http: {prot: 1}\nlog_level: x\ncameras: [{id: a}]\n').split('\n').length, 3);
});

test('An empty file is a node with defaults', () => {
  for (const text of ['', '# nothing\n', '{}']) {
    const settings = parseSettings(text, 'ruth.yaml');
    assert.deepEqual(settings.http, { host: '127.0.0.1', port: 8080, tls: null, trustedProxies: [] });
    assert.deepEqual([settings.socketDirectory, settings.ringDirectory, settings.logLevel], ['/tmp', '/dev/shm', 'info']);
    assert.deepEqual([settings.cameras, settings.subscriptions, settings.dataDirectory], [[], [], 'ruth-data']);
    assert.deepEqual(settings.models, [{ id: 'centernet-coco', folder: 'models/centernet-coco' }, { id: 'movenet-lightning', folder: 'models/movenet-lightning' }]);
  }
});

test('A camera alone gets the built-in detector, and the pose model where the detector saw a person', () => {
  const { cameras, subscriptions } = parseSettings(camera(), 'ruth.yaml');
  assert.deepEqual(cameras, [{ id: 'front', name: 'front', url: 'rtsp://admin:secret@192.0.2.7/stream', transport: 'tcp', stallTimeoutMs: 5000, slotCount: 8, note: null,
    detectUrl: null, audio: true, recording: { active: true, maxAgeDays: null, maxBytes: null }, onvif: null }]);
  assert.deepEqual(subscriptions.map(({ camera, model, desired_fps, active, regions }) => [camera, model, desired_fps, active, regions?.model]), [
    ['front', 'centernet-coco', 5, true, undefined], ['front', 'movenet-lightning', 5, true, 'centernet-coco'],
  ]);
});

test('A subscription for all cameras stands for each, and a line for one camera goes before it, wherever it stands', () => {
  const lines = ['  - {camera: "*", model: centernet-coco, desired_fps: 2}', '  - {camera: back, model: centernet-coco, desired_fps: 10, active: false}'];
  for (const order of [lines, [...lines].reverse()]) {
    const { subscriptions } = parseSettings(`cameras:\n  - {id: front, url: 'rtsp://h/1'}\n  - {id: back, url: 'rtsp://h/2'}\nsubscriptions:\n${order.join('\n')}\n`, 'ruth.yaml');
    assert.deepEqual(subscriptions.map(({ camera, desired_fps, active }) => [camera, desired_fps, active]).sort(), [['back', 10, false], ['front', 2, true]]);
  }
});

test('Any text is either settings or invalid_config; nothing else is ever thrown', () => {
  const word = fc.constantFrom('cameras', 'id', 'url', 'http', 'port', 'models', '*', '&a', '*a', '-', ':', '{', '}', '[', ']', '"', "'", '|', '>', '\n', '  ', '~', '7', 'rtsp://h/p', '<<', '!!binary', '__proto__', '%YAML', '---', '\t', '\0');
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(word, { maxLength: 25 }).map((words) => words.join('')), fc.array(word, { maxLength: 25 }).map((words) => words.join(' '))), (text) => {
    try {
      parseSettings(text, 'ruth.yaml');
    } catch (error) {
      assert.ok(error instanceof RuthError && error.code === 'invalid_config' && error.message.startsWith('ruth.yaml'), String((error as Error).stack));
    }
  }), { numRuns: 2000 });
});

test('A subscription in a zone is for cameras that have it; a zone or a schedule that cannot be is told with its line', () => {
  const file = (subscription: string): string => `cameras:
  - {id: front, url: 'rtsp://h/1', zones: [{id: gate, polygon: [[0, 0], [1, 0], [1, 1]]}]}
  - {id: back, url: 'rtsp://h/2'}
subscriptions:
  - ${subscription}
`;
  const { subscriptions } = parseSettings(file('{camera: "*", model: centernet-coco, desired_fps: 2, zone: gate, priority: 80, schedule: {between: ["22:00", "06:00"], days: [fri]}}'), 'ruth.yaml');
  assert.deepEqual(subscriptions.map(({ camera, zone, priority, schedule }) => [camera, zone, priority, schedule?.days]), [['front', 'gate', 80, ['fri']]]);
  for (const [wrong, message] of [
    ['{camera: back, model: centernet-coco, desired_fps: 2, zone: gate}', /ruth\.yaml:5.*gate is no zone of the camera; it has: none/],
    ['{camera: "*", model: centernet-coco, desired_fps: 2, zone: yard}', /ruth\.yaml:5.*no camera of this file has a zone yard/],
    ['{camera: back, model: centernet-coco, desired_fps: 2, schedule: {between: ["06:00", "06:00"]}}', /ruth\.yaml:5.*no time at all/],
    ['{camera: back, model: centernet-coco, desired_fps: 2, schedule: {days: [mon], time_zone: Mars}}', /ruth\.yaml:5.*Mars is no time zone/],
    ['{camera: back, model: centernet-coco, desired_fps: 2, priority: 101}', /ruth\.yaml:5.*priority.*100/],
  ] as const) assert.throws(() => parseSettings(file(wrong), 'ruth.yaml'), { code: 'invalid_config', message });
});

test('Pipes between nodes have defaults, and are for nodes of a site alone', () => {
  const pipesOf = (text: string): unknown => parseSettings(text, 'ruth.yaml').live.pipes;
  assert.equal(pipesOf('cameras: []\n'), null);
  assert.deepEqual(pipesOf('site: {nats: [nats://n]}\n'), { fromViewers: 3, ports: null });
  assert.deepEqual(pipesOf('site: {nats: [nats://n], pipes: {from_viewers: 0, first_port: 20000, last_port: 20010}}\n'), { fromViewers: 0, ports: { first: 20_000, last: 20_010 } });
});

test('What does not fit a pattern is told in the words of its description; a secret that was written down where its place belongs is not repeated', () => {
  const of = (yaml: string): string => {
    try {
      parseSettings(yaml, 'ruth.yaml');
    } catch (error) {
      return (error as RuthError).message;
    }
    return assert.fail('the settings were accepted');
  };
  assert.equal(of('mqtt: {url: 127.0.0.1}'), 'ruth.yaml:1:8: mqtt.url cannot be "127.0.0.1": mqtt://host[:1883], or mqtts://host[:8883] over TLS; without credentials');
  assert.equal(of('site: {nats: ["nats-1:4222"], node: a}'), 'ruth.yaml:1:15: site.nats.0 cannot be "nats-1:4222": NATS servers with JetStream, of one cluster, e.g. tls://nats-1:4222');
  const place = 'must be {env: NAME} or {file: path}, which say where the secret is, not the secret itself';
  assert.equal(of('copies: {bucket: evidence, access_key_id: ruth, secret_access_key: hunter2}'), `ruth.yaml:1:49: copies.secret_access_key ${place}`);
  assert.equal(of('mqtt: {url: "mqtt://broker", password: 12345}'), `ruth.yaml:1:30: mqtt.password ${place}`);
});
