// Fresh folders, a small model whose behaviour the brightness of a frame decides, and frames in a ring.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { COLOUR_MATRIX, COLOUR_RANGE, InferResponse, validator, type InferRequest, type PixelFormat } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import { loadModel, serveModel, type ModelContainer, type ServeOptions } from '../src/index.ts';
import { onnxFile, type OnnxGraph, type OnnxNode } from './onnx-writer.ts';

export const TIMEOUT_MS = 60_000;
const response = validator(InferResponse);

export function freshFolder(t: TestContext, base = tmpdir()): string {
  const folder = mkdtempSync(join(base, 'ruth-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Pixels of the 64x64 input: a person, a dog that overlaps it, a second box of the same person, and a faint cat. */
export const ROWS = [
  [8, 16, 24, 48, 0.9, 0],
  [8, 16, 24, 48, 0.8, 2],
  [9, 16, 25, 48, 0.7, 0],
  [32, 32, 64, 64, 0.3, 1],
] as const;

export const MANIFEST = `model_id: probe
model_name: Probe
model_version: 1.2.3
supported_tasks: [detect]
model_type: onnx
model_weights: probe.onnx
output_schema: { format: ssd, output: rows, classes: [person, cat, dog] }
expected_resolution: { width: 64, height: 64 }
normalization: { mean: [0, 0, 0], std: [255, 255, 255] }
letterbox: { mode: center, fill: 0 }
confidence_threshold: 0.25
nms_iou_threshold: 0.5
license: test
`;

/** Leaves its value as it is. */
const LOOP_BODY: OnnxGraph = {
  inputs: [{ name: 'turn', type: 'int64', dims: [] }, { name: 'goOnIn', type: 'bool', dims: [] }, { name: 'valueIn', type: 'float32', dims: [1] }],
  nodes: [{ op: 'Identity', inputs: ['goOnIn'], output: 'goOnOut' }, { op: 'Identity', inputs: ['valueIn'], output: 'valueOut' }],
  constants: {}, outputs: [{ name: 'goOnOut', type: 'bool', dims: [] }, { name: 'valueOut', type: 'float32', dims: [1] }],
};

export interface ProbeBehaviour { readonly slow?: number; readonly brittle?: boolean; readonly hanging?: boolean }

/**
 * Answers ROWS whatever it sees. `slow`: multiplies matrices whose size is `slow` times the brightness (0..1), so that
 * white takes seconds and black no time. `brittle`: fails on anything brighter than half. `hanging`: loops for ever, in native code, on
 * anything but black.
 */
export function probeModel({ slow = 0, brittle = false, hanging = false }: ProbeBehaviour = {}): Buffer {
  const nodes: OnnxNode[] = [
    { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { keepdims: 0 } },
    { op: 'Mul', inputs: ['brightness', 'slow'], output: 'scaled' },
    { op: 'Cast', inputs: ['scaled'], output: 'whole', attributes: { to: 7 } },
    { op: 'Add', inputs: ['whole', 'one'], output: 'size' },
    { op: 'Concat', inputs: ['size', 'size'], output: 'shape', attributes: { axis: 0 } },
    { op: 'ConstantOfShape', inputs: ['shape'], output: 'matrix' },
    { op: 'MatMul', inputs: ['matrix', 'matrix'], output: 'product' },
    { op: 'ReduceMean', inputs: ['product'], output: 'nothing', attributes: { keepdims: 0 } },
    { op: 'Mul', inputs: ['brightness', 'brittle'], output: 'place' },
    { op: 'Cast', inputs: ['place'], output: 'index', attributes: { to: 7 } },
    { op: 'Gather', inputs: ['zero', 'index'], output: 'zeros' },
    { op: 'Add', inputs: ['known', 'nothing'], output: 'almost' },
    { op: 'Mul', inputs: ['brightness', 'turnsAtWhite'], output: 'turnsWanted' },
    { op: 'Cast', inputs: ['turnsWanted'], output: 'turns', attributes: { to: 7 } },
    { op: 'Loop', inputs: ['turns', '', 'zeros'], output: 'looped', attributes: { body: LOOP_BODY } },
    { op: 'Add', inputs: ['almost', 'looped'], output: 'rows' },
  ];
  return onnxFile({
    nodes, inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], outputs: [{ name: 'rows', type: 'float32', dims: [1, ROWS.length, 6] }],
    constants: {
      known: Float32Array.from(ROWS.flat()), slow: Float32Array.of(slow), brittle: Float32Array.of(brittle ? 2 : 0), one: BigInt64Array.of(1n), zero: Float32Array.of(0),
      turnsAtWhite: Float32Array.of(hanging ? 2 ** 62 : 0),
    },
    constantDims: { known: [1, ROWS.length, 6] },
  });
}

export function modelFolder(t: TestContext, { manifest = MANIFEST, weights = probeModel() }: { manifest?: string; weights?: Buffer } = {}): string {
  const folder = join(freshFolder(t), 'probe');
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.yaml'), manifest);
  writeFileSync(join(folder, 'probe.onnx'), weights);
  return folder;
}

export interface Bench {
  readonly container: ModelContainer;
  readonly ringDirectory: string;
  readonly client: IpcClient;
  /** The response, checked against the contract. */
  readonly ask: (request: Partial<InferRequest> | Record<string, unknown>) => Promise<InferResponse>;
  readonly ring: (options?: { cameraId?: string; width?: number; height?: number; format?: PixelFormat; slotCount?: number }) => RingWriter;
  /** A request for a frame of that ring. */
  readonly request: (ring: RingWriter, frameId: number, config?: InferRequest['config']) => InferRequest;
}

/** A container of the probe model on a socket of its own, and a client. */
export async function serveProbe(t: TestContext, { slow, brittle, hanging, manifest, weights, ...options }: ServeOptions & ProbeBehaviour & { manifest?: string; weights?: Buffer } = {}): Promise<Bench> {
  const ringDirectory = freshFolder(t, '/dev/shm');
  const folder = modelFolder(t, { weights: weights ?? probeModel({ ...(slow !== undefined && { slow }), ...(brittle !== undefined && { brittle }), ...(hanging !== undefined && { hanging }) }), ...(manifest !== undefined && { manifest }) });
  const container = await serveModel(await loadModel(folder), { ringDirectory, socketDirectory: freshFolder(t), sessions: 1, ...options });
  const client = new IpcClient(container.socketPath, { maxConnections: 32 });
  t.after(async () => {
    await client.close();
    await container.close({ graceMs: TIMEOUT_MS });
  });
  return {
    container, ringDirectory, client,
    async ask(request) {
      return response.parse(await client.request(request, { timeoutMs: TIMEOUT_MS }));
    },
    ring({ cameraId = 'cam', width = 64, height = 64, format = 'NV12', slotCount = 4 } = {}) {
      const ring = RingWriter.create({ cameraId, width, height, format, slotCount, ringDirectory });
      t.after(() => ring.close());
      return ring;
    },
    request(ring, frameId, config) {
      return { frame_reference: ring.path, frame_metadata: { frame_id: frameId }, camera_id: 'cam', model_id: 'probe', ...(config && { config }) };
    },
  };
}

/** Publishes a grey picture of full range, 0 black to 255 white; returns its frame id. */
export function publishGrey(ring: RingWriter, brightness: number): number {
  const slot = ring.begin();
  for (const [index, plane] of slot.planes.entries()) plane.fill(index === 0 ? brightness : 128);
  return ring.publish({ ptsUs: 0, capturedAtUs: 0, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.full, epoch: 0 });
}

/** Waits for what an event cannot tell; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;

export interface StartedProcess {
  readonly child: ChildProcess;
  /** What it says first: `ready` or `failed`. */
  readonly message: Promise<Record<string, unknown>>;
  readonly exit: Promise<[number | null, string | null]>;
}

/** Runs the process as a supervisor does, settings over standard input. */
export function startProcess(t: TestContext, folder: string, { socketDirectory, ringDirectory, takeOver = false, settings = '', env = {} }: { socketDirectory: string; ringDirectory?: string; takeOver?: boolean; settings?: string; env?: NodeJS.ProcessEnv }): StartedProcess {
  const child = spawn(process.execPath, [MAIN, '-c', '-', ...(takeOver ? ['--take-over'] : []), folder], { stdio: ['pipe', 'ignore', 'inherit', 'ipc'], env: { ...process.env, ...env } });
  t.after(() => child.kill('SIGKILL'));
  child.stdin!.end(`paths: { socket_directory: ${socketDirectory}${ringDirectory === undefined ? '' : `, ring_directory: ${ringDirectory}`} }\n${settings}`);
  return { child, message: once(child, 'message').then(([message]) => message as Record<string, unknown>), exit: once(child, 'exit') as Promise<[number | null, string | null]> };
}
