import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { modelSocketPath } from '@ruth/protocol';
import { listenOnSocket } from '@ruth/transport';
import { oipServer } from '../../container/test/oip-server.ts';
import { onnxFile } from '../../container/test/onnx-writer.ts';
import { CHAPTERS, conformanceReport, runConformance, type Result } from '../src/index.ts';
import { MODEL_ID, smallContainer, type Fault } from './small-container.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Folders { readonly socketDirectory: string; readonly ringDirectory: string }

function freshFolders(t: TestContext): Folders {
  const [socketDirectory, ringDirectory] = [tmpdir(), '/dev/shm'].map((base) => {
    const folder = mkdtempSync(join(base, 'ruth-test-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }) as [string, string];
  return { socketDirectory, ringDirectory };
}

function withStatus(results: readonly Result[], ...statuses: Result['status'][]): string[] {
  return results.filter((result) => statuses.includes(result.status)).map((result) => `${result.status}: ${result.sentence}: ${result.seen}`);
}

/** Rows whose confidence the brightness decides, as does the size of the matrices it multiplies: bright pictures take milliseconds. */
function brightnessModel(): Buffer {
  return onnxFile({
    inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], outputs: [{ name: 'rows', type: 'float32', dims: [1, 3, 6] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['brightness', 'slow'], output: 'scaled' },
      { op: 'Cast', inputs: ['scaled'], output: 'whole', attributes: { to: 7 } },
      { op: 'Add', inputs: ['whole', 'one'], output: 'size' },
      { op: 'Concat', inputs: ['size', 'size'], output: 'shape', attributes: { axis: 0 } },
      { op: 'ConstantOfShape', inputs: ['shape'], output: 'matrix' },
      { op: 'MatMul', inputs: ['matrix', 'matrix'], output: 'product' },
      { op: 'ReduceMean', inputs: ['product'], output: 'nothing', attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['brightness', 'grows'], output: 'by_brightness' },
      { op: 'Add', inputs: ['known', 'by_brightness'], output: 'almost' },
      { op: 'Add', inputs: ['almost', 'nothing'], output: 'rows' },
    ],
    constants: {
      slow: Float32Array.of(800), one: BigInt64Array.of(1n),
      known: Float32Array.of(8, 16, 24, 48, 0.2, 0, 9, 16, 25, 48, 0.1, 0, 32, 32, 60, 60, 0.1, 1), grows: Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0.8, 0),
    },
    constantDims: { known: [1, 3, 6], grows: [1, 3, 6] },
  });
}

const MANIFEST = `model_id: probe
model_name: Probe
model_version: 1.0.0
supported_tasks: [detect]
model_type: onnx
model_weights: probe.onnx
output_schema: { format: ssd, output: rows, classes: [person, cat] }
expected_resolution: { width: 64, height: 64 }
normalization: { mean: [0, 0, 0], std: [255, 255, 255] }
letterbox: { mode: stretch }
`;

async function assertKeepsAll(t: TestContext, manifest: string): Promise<void> {
  const { socketDirectory, ringDirectory } = freshFolders(t);
  const folder = join(socketDirectory, 'probe');
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.yaml'), manifest);
  writeFileSync(join(folder, 'probe.onnx'), brightnessModel());
  const config = join(socketDirectory, 'ruth.yaml');
  writeFileSync(config, `paths: { socket_directory: ${socketDirectory}, ring_directory: ${ringDirectory} }\n`);
  const command = `'${process.execPath}' '${root}packages/container/src/main.ts' -c '${config}' '${folder}'`;
  const results = await runConformance({ socketPath: modelSocketPath('probe', socketDirectory), ringDirectory, command });
  assert.deepEqual(withStatus(results, 'fail', 'warn', 'skip'), []);
  assert.deepEqual(readdirSync(ringDirectory), []);
}

test('Our own container keeps every sentence of the contract', (t) => assertKeepsAll(t, MANIFEST));

test('So does our container of a model that a server elsewhere runs', async (t) => {
  const server = await oipServer(t, brightnessModel());
  await assertKeepsAll(t, MANIFEST.replace(/model_type: onnx\nmodel_weights: .*\n/, `model_type: remote\nremote: { url: '${server.grpc}', model: detector }\n`));
});

test('The container in Python keeps every sentence of the contract', async (t) => {
  const { socketDirectory, ringDirectory } = freshFolders(t);
  const command = `python3 -B '${root}examples/python-container/container.py' --socket-directory '${socketDirectory}' --ring-directory '${ringDirectory}'`;
  const results = await runConformance({ socketPath: modelSocketPath('bright', socketDirectory), ringDirectory, command });
  // Whether a request waits long enough to be late, and whether one too many comes at once, is up to the machine.
  assert.deepEqual(withStatus(results, 'fail', 'warn', 'skip').filter((line) => !/^warn: (deadline_exceeded|overloaded):/.test(line)), []);
});

test('A small container without a fault fails nowhere, so that what follows is due to the fault', async (t) => {
  const folders = freshFolders(t);
  await using _container = await smallContainer(folders);
  const results = await runConformance({ socketPath: modelSocketPath(MODEL_ID, folders.socketDirectory), ringDirectory: folders.ringDirectory });
  assert.deepEqual(withStatus(results, 'fail'), []);
  assert.equal(results.length, CHAPTERS.flatMap((chapter) => chapter.checks).length);
  assert.match(conformanceReport(results), / 0 fail, /);
});

/** What each fault must be caught by, and what the report then says. */
const FAULTS: Record<Fault, [only: string, seen: RegExp]> = {
  'closes silently': ['Malformed JSON', /closed without an answer/],
  'echoes the last camera': ['The response echoes', /camera_id is .*; the request's was/],
  'keeps state': ['No state between requests', /otherwise the second time/],
  'errors with detections': ['A wrong model_id', /an error comes with 1 detections/],
  'errors without a code': ['frame_not_found: no such ring', /error_code is missing/],
  'nothing seen on failure': ['frame_overwritten: the slot', /0 detections and no error; frame_overwritten was due/],
  'hangs on the third frame': ['A message that comes byte by byte', /no answer within/],
  'bbox in pixels': ['bbox is', /detections\.\d\.bbox/],
  'tracks': ['bbox is', /track_id is 7/],
  'answers for any model': ['A wrong model_id', /wrong_model was due/],
  'follows links': ['a symlink', /frame_unreadable was due/],
  'reads what is there': ['frame_overwritten: the slot', /frame_overwritten was due/],
  'ignores the threshold': ['confidence_threshold', /with a threshold of .* a detection of/],
  'ignores classes': ['leaves out every other class', /dark came/],
  'ignores max_detections': ['max_detections', /max_detections 1 gave 2/],
  'roi in the roi': ['looks only there', /a box at/],
  'remembers config': ['config holds for its request alone', /answered otherwise than before/],
  'strict about unknown keys': ['Unknown keys', /zoom/],
  'crowded': ['Idle connections', /camera_id|overloaded|bad_request|no connection|closed/],
  'open to all': ['mode 0600', /its mode is 0666/],
  'one chunk is one message': ['wherever the bytes are split', /split after byte|no answer|closed/],
  'closes after each answer': ['any number of requests on one connection', /closed without an answer/],
  'waits for over-long messages': ['An over-long length', /no answer within/],
  'keeps the mapping': ['A change of resolution', /frame_not_found/],
  'describes another model': ['describe answers', /vas_model|large/],
  'ready without a canary': ['health answers', /without ever having had a canary/],
};

for (const [fault, [only, seen]] of Object.entries(FAULTS) as [Fault, [string, RegExp]][]) {
  test(`A container that breaks the contract is caught: ${fault}`, async (t) => {
    const folders = freshFolders(t);
    await using _container = await smallContainer({ ...folders, fault });
    const results = await runConformance({ socketPath: modelSocketPath(MODEL_ID, folders.socketDirectory), ringDirectory: folders.ringDirectory, modelId: MODEL_ID, limitMs: 2000, only });
    assert.equal(results.length, 1, `${only} names one check`);
    assert.equal(results[0]?.status, 'fail', results[0]?.seen);
    assert.match(results[0].seen, seen);
  });
}

test('docs/conformance.md says what is checked, each sentence of each chapter', () => {
  const guide = readFileSync(new URL('../../../docs/conformance.md', import.meta.url), 'utf8');
  const described = [...guide.matchAll(/^\| (.+) \| (.+) \|$/gm)].map(([, chapter, sentence]) => `${chapter}: ${sentence}`);
  assert.deepEqual(described.slice(described.indexOf('chapter: sentence') + 1), CHAPTERS.flatMap(({ title, checks }) => checks.map(({ sentence }) => `${title}: ${sentence}`)));
});

for (const [what, treat] of [['closes at once', (socket: Socket) => socket.destroy()], ['never says a word', () => undefined]] as const) {
  test(`A server that ${what} fails every check that asks something, and none ends the kit`, async (t) => {
    const folders = freshFolders(t);
    const socketPath = modelSocketPath(MODEL_ID, folders.socketDirectory);
    const sockets: Socket[] = [];
    const server = createServer((socket) => { sockets.push(socket.on('error', () => undefined)); treat(socket); });
    await listenOnSocket(server, socketPath);
    t.after(() => { for (const socket of sockets) socket.destroy(); server.close(); });
    const results = await runConformance({ socketPath, ringDirectory: folders.ringDirectory, limitMs: 50 });
    assert.deepEqual(withStatus(results, 'pass', 'warn').map((line) => line.slice(0, 26)), ['pass: The socket is named ']);
    assert.deepEqual(readdirSync(folders.ringDirectory), []);
  });
}

/** Runs `ruth conformance` with what follows it. */
async function ruth(...args: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [`${root}packages/cli/bin/ruth.js`, 'conformance', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>]);
  return { code, output: output + errors };
}

test('The command prints a table and ends with 0 where nothing failed; a photo may stand for the kit\'s pictures', async (t) => {
  const folders = freshFolders(t);
  await using _container = await smallContainer(folders);
  const photo = join(fileURLToPath(import.meta.resolve('@vladmandic/human')), '../../assets/samples.jpg');
  const { code, output } = await ruth(modelSocketPath(MODEL_ID, folders.socketDirectory), '--ring-directory', folders.ringDirectory, '--only', 'config', '--image', photo);
  assert.equal(code, 0, output);
  assert.match(output, /pass.* {2}config\.max_detections keeps the surest/);
  assert.match(output, / 0 fail, 0 warn, 0 skip/);
});

test('The command ends with 1 and says what was seen where a check failed, as JSON too', async (t) => {
  const folders = freshFolders(t);
  await using _container = await smallContainer({ ...folders, fault: 'open to all' });
  const { code, output } = await ruth(modelSocketPath(MODEL_ID, folders.socketDirectory), '--ring-directory', folders.ringDirectory, '--only', 'mode 0600', '--json');
  assert.equal(code, 1);
  const { failed, checks } = JSON.parse(output) as { failed: number; checks: Result[] };
  assert.equal(failed, 1);
  assert.equal(checks[0]?.seen, 'its mode is 0666');
});

test('Where nobody listens, the kit says so', async (t) => {
  const folders = freshFolders(t);
  await assert.rejects(runConformance({ socketPath: join(folders.socketDirectory, 'none.sock'), ringDirectory: folders.ringDirectory }), { code: 'unreachable' });
});
