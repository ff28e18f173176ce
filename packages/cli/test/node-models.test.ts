import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { InferResponse, modelSocketPath, SupervisedModel, SupervisedProcessStatus, supervisorSocketPath, validator } from '@ruth/protocol';
import { createLogger, IpcClient } from '@ruth/transport';
import { MANIFEST, modelFolder, probeModel } from '../../container/test/harness.ts';
import { createControl, listenForControl, ModelFolders, nextVersion, NodeCameras, NodeModels, noteReplaced, pruneVersions, Supervisor, versionBefore } from '../src/index.ts';

interface Bench {
  readonly modelsDirectory: string; readonly socketDirectory: string; readonly settingsFile: string;
  readonly call: (method: string, path: string, body?: object) => Promise<{ status: number; body: Record<string, unknown> }>;
  readonly models: () => Promise<SupervisedModel[]>;
  /** What core was told, and how its container was then. */
  readonly told: readonly string[];
  /** Waits until the model is so. */
  readonly until: (id: string, state: SupervisedModel['state']) => Promise<SupervisedModel>;
}

const RUTH_YAML = '# mine\nmodels:\n  - id: probe   # the first\nsubscriptions: []\n';

/** A supervisor with containers alone: what a node does with models, without cameras. */
async function node(t: TestContext, settings = RUTH_YAML): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'ruth-node-'));
  const [modelsDirectory, socketDirectory, settingsFile] = [join(root, 'models'), join(root, 's'), join(root, 'ruth.yaml')];
  mkdirSync(modelsDirectory);
  mkdirSync(socketDirectory);
  writeFileSync(settingsFile, settings);
  cpSync(modelFolder(t), join(modelsDirectory, 'probe'), { recursive: true });
  const logger = createLogger('test', 'silent');
  const supervisor = new Supervisor({ logger, forward: () => undefined });
  const told: string[] = [];
  const models = new NodeModels({ supervisor, node: { expectModel: async (id, isExpected) => { told.push(`${id} ${isExpected ? 'on' : 'off'} (${supervisor.statuses().some(({ name }) => name === `container ${id}`) ? 'runs' : 'does not run'})`); } }, cameras: { tellOfModels: async () => { told.push('who looks'); } }, stdin: JSON.stringify({ paths: { socket_directory: socketDirectory }, log_level: 'error' }), modelsDirectory, settingsFile, logger }, []);
  const control = createControl(supervisor, models, new NodeCameras({ source: { file: settingsFile }, socketDirectory, logger }));
  await listenForControl(control, socketDirectory);
  await models.add('probe');
  const stop = new AbortController();
  const watching = new ModelFolders({ directory: modelsDirectory, models, logger, restMs: 100, rescanMs: 200 }).run(stop.signal);
  t.after(async () => {
    stop.abort();
    await Promise.all([control.close(), watching]);
    await supervisor[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });
  const call: Bench['call'] = (method, path, body) => new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const outgoing = request({ socketPath: supervisorSocketPath(socketDirectory), method, path, headers: text === undefined ? {} : { 'content-type': 'application/json' } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { answer += chunk; }).on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(answer || '{}') as Record<string, unknown> }));
    });
    outgoing.on('error', reject).end(text);
  });
  const list = async (): Promise<SupervisedModel[]> => ((await call('GET', '/v1/models')).body as unknown as unknown[]).map((one) => validator(SupervisedModel).parse(one));
  const until: Bench['until'] = async (id, state) => {
    for (;;) {
      const found = (await list()).find((one) => one.model_id === id);
      if (found?.state === state) return found;
      await delay(20);
    }
  };
  return { modelsDirectory, socketDirectory, settingsFile, call, models: list, until, told };
}

const named = (id: string): string => MANIFEST.replace('model_id: probe', `model_id: ${id}`);

test('The control API is the owner\'s alone, and says of each process what became of it', async (t) => {
  const { call, socketDirectory, until } = await node(t);
  const { pid } = await until('probe', 'running');
  assert.equal(statSync(supervisorSocketPath(socketDirectory)).mode & 0o777, 0o600);
  const statuses = async (): Promise<SupervisedProcessStatus[]> => ((await call('GET', '/v1/processes')).body as unknown as unknown[]).map((one) => validator(SupervisedProcessStatus).parse(one));
  const [before] = await statuses();
  assert.ok(before!.resident_bytes! > 1e6 && before!.cpu_s! > 0);
  process.kill(pid!, 'SIGKILL');
  for (;;) {
    const [now] = await statuses();
    assert.ok(now!.restarts <= 1, `it ended again: ${now!.ends.at(-1)?.reason}`);
    if (now!.restarts === 1 && now!.state === 'ready') {
      assert.notEqual(now!.pid, pid);
      assert.deepEqual(now!.ends.map(({ reason }) => reason), ['killed by SIGKILL']);
      break;
    }
    await delay(20);
  }
  assert.equal((await call('POST', '/v1/models', { model_id: '../x' })).body.error_code, 'bad_request');
  assert.equal((await call('POST', '/v1/models', { model_id: 'gone' })).body.error_code, 'invalid_manifest');
  assert.equal((await call('GET', '/v1/nothing')).status, 404);
});

test('A folder that is dropped in while the node runs is served; a broken one is said with its reason and disturbs nobody', async (t) => {
  const { modelsDirectory, socketDirectory, settingsFile, until, models } = await node(t);
  const { pid } = await until('probe', 'running');
  // Slowly, as a copy over a network is.
  const folder = join(modelsDirectory, 'dropped');
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.yaml'), named('dropped'));
  await delay(60);
  writeFileSync(join(folder, 'probe.onnx'), probeModel());
  mkdirSync(join(modelsDirectory, 'broken'));
  writeFileSync(join(modelsDirectory, 'broken', 'model.yaml'), 'model_id: broken\nmodel_weigths: x\n');
  assert.match((await until('broken', 'broken')).reason!, /model_weigths is not a known key; did you mean model_weights/);
  await until('dropped', 'running');
  await using client = new IpcClient(modelSocketPath('dropped', socketDirectory));
  for (;;) {
    const answer = await client.request({ type: 'describe' }, { timeoutMs: 10_000 }).catch(() => null) as { model_id: string } | null;
    if (answer) { assert.equal(answer.model_id, 'dropped'); break; }
    await delay(20);
  }
  // Weights that only ONNX Runtime can tell are rubbish.
  const rubbish = join(modelsDirectory, 'rubbish');
  mkdirSync(rubbish);
  writeFileSync(join(rubbish, 'model.yaml'), named('rubbish'));
  writeFileSync(join(rubbish, 'probe.onnx'), probeModel().fill(0xff, 20, 60));
  assert.match((await until('rubbish', 'broken')).reason!, /cannot be loaded on cpu/);
  assert.match(readFileSync(settingsFile, 'utf8'), /# mine\nmodels:\n {2}- id: probe.*# the first\n {2}- id: dropped\nsubscriptions/);
  // Put right, they are served.
  writeFileSync(join(rubbish, 'probe.onnx'), probeModel());
  await until('rubbish', 'running');
  writeFileSync(join(modelsDirectory, 'broken', 'model.yaml'), named('broken'));
  writeFileSync(join(modelsDirectory, 'broken', 'probe.onnx'), probeModel());
  await until('broken', 'running');
  assert.equal((await models()).find(({ model_id }) => model_id === 'probe')!.pid, pid);
});

test('A version takes the place of another without a request lost, one that cannot leaves it as it was, and back it goes', async (t) => {
  const { modelsDirectory, socketDirectory, settingsFile, call, until } = await node(t);
  await until('probe', 'running');
  const second = nextVersion('probe', modelsDirectory);
  assert.equal(second, join(modelsDirectory, 'probe@2'));
  cpSync(join(modelsDirectory, 'probe'), second, { recursive: true });
  writeFileSync(join(second, 'model.yaml'), MANIFEST.replace('1.2.3', '2.0.0'));
  noteReplaced(second, join(modelsDirectory, 'probe'));
  const third = nextVersion('probe', modelsDirectory);
  cpSync(second, third, { recursive: true });
  writeFileSync(join(third, 'probe.onnx'), 'rubbish');

  await using client = new IpcClient(modelSocketPath('probe', socketDirectory), { maxConnections: 4 });
  const describe = async () => (await client.request({ type: 'describe' }, { timeoutMs: 10_000 }) as { model_version: string }).model_version;
  while (await describe().catch(() => null) === null) await delay(20);
  const asking = new AbortController();
  let answered = 0;
  const lanes = Array.from({ length: 3 }, async () => {
    const check = validator(InferResponse);
    while (!asking.signal.aborted) {
      // No such frame: an answer of the model all the same.
      check.parse(await client.request({ frame_reference: '/dev/shm/vas_frames_none', frame_metadata: { frame_id: 0 }, camera_id: 'none', model_id: 'probe' }, { timeoutMs: 10_000 }));
      answered++;
    }
  });
  assert.equal((await call('POST', '/v1/models/probe/replace', { folder: third })).body.error_code, 'model_invalid');
  assert.equal(await describe(), '1.2.3');
  assert.equal((await call('POST', '/v1/models/probe/replace', { folder: second })).status, 204);
  assert.equal(await describe(), '2.0.0');
  assert.match(readFileSync(settingsFile, 'utf8'), /- id: probe.*\n {4}folder: models\/probe@2/);
  assert.equal((await call('POST', '/v1/models/probe/replace', { folder: versionBefore(second, modelsDirectory) })).status, 204);
  assert.equal(await describe(), '1.2.3');
  assert.equal(readFileSync(settingsFile, 'utf8').replace(/ +#/, '   #'), RUTH_YAML);
  asking.abort();
  await Promise.all(lanes);
  assert.ok(answered > 0);
});

test('A model is switched off, on again, and taken out, and ruth.yaml says so', async (t) => {
  const { settingsFile, call, until, models, told } = await node(t);
  await until('probe', 'running');
  assert.equal((await call('POST', '/v1/models/probe/disable', {})).status, 204);
  assert.equal((await models())[0]!.state, 'disabled');
  // Core is told before: it would miss what ends.
  assert.deepEqual(told, ['probe on (does not run)', 'who looks', 'probe off (runs)']);
  assert.match(readFileSync(settingsFile, 'utf8'), /active: false/);
  assert.equal((await call('POST', '/v1/models/probe/replace', { folder: '/tmp' })).body.error_code, 'invalid_state');
  assert.equal((await call('POST', '/v1/models', { model_id: 'probe' })).status, 204);
  await until('probe', 'running');
  assert.doesNotMatch(readFileSync(settingsFile, 'utf8'), /active/);
  assert.equal((await call('DELETE', '/v1/models/probe')).status, 204);
  assert.equal((await models())[0]!.state, 'available');
  assert.doesNotMatch(readFileSync(settingsFile, 'utf8'), /probe/);
  assert.equal((await call('DELETE', '/v1/models/none')).body.error_code, 'not_found');
});

test('A model that the file did not name is removed from what runs from then on, too', async (t) => {
  const { settingsFile, call, until } = await node(t, '# mine\n');
  await until('probe', 'running');
  // What adding it wrote is taken back: the file names no models, as one does that was never changed.
  writeFileSync(settingsFile, '# mine\n');
  assert.equal((await call('DELETE', '/v1/models/probe')).status, 204);
  await until('probe', 'available');
  assert.match(readFileSync(settingsFile, 'utf8'), /^# mine\n\nmodels: *\[\]\n/);
});

test('Of many versions the one that serves, the one before and the newest of the rest stay', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-versions-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [index, name] of ['m', 'm@2', 'm@3', 'm@4', 'm@5', 'm@10', 'mm@7'].entries()) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'model.yaml'), String(index));
  }
  noteReplaced(join(directory, 'm@10'), join(directory, 'm@4'));
  assert.deepEqual(pruneVersions('m', directory, join(directory, 'm@10')), [join(directory, 'm@2'), join(directory, 'm@3')]);
  assert.equal(versionBefore(join(directory, 'm@10'), directory), join(directory, 'm@4'));
  assert.equal(nextVersion('m', directory), join(directory, 'm@11'));
  assert.throws(() => versionBefore(join(directory, 'm'), directory), { code: 'not_found' });
});
