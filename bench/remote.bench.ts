// What a look costs whose model runs on a server elsewhere, over the same look made here: one at a time, in turns, medians. The server is another
// process of this machine with the same ONNX Runtime, so that what is left is the way: tensors into messages, gRPC, loopback, and back.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serveModel, type LoadedModel, type ModelContainer } from '@ruth/container';
import { DEFAULT_RING_DIRECTORY, type InferRequest, type InferResponse } from '@ruth/protocol';
import { IpcClient, type RingWriter } from '@ruth/transport';
import { chooseModel } from './accuracy/model-choice.ts';
import { filledRing, median, requestOf, rounded } from './inference-load.ts';
import type { Bench } from './runner.ts';

const DATA = join(import.meta.dirname, '../../shared/data/models');
const LOOKS = 60;
const WARM_UP = 5;
/** A person in a wide picture. */
const CROP: [number, number, number, number] = [0.4, 0.2, 0.5, 0.7];

interface Side { readonly model: LoadedModel; readonly client: IpcClient; readonly ms: number[] }

export const bench: Bench = async (report) => ({ ...await measured('crop', 'osnet_x0_25', 'osnet_x0_25_msmt17.onnx', { roi: CROP }, report), ...await measured('frame', 'yolov8n', 'yolov8n.onnx', {}, report) });

async function measured(name: string, recipe: string, file: string, config: NonNullable<InferRequest['config']>, report: (line: string) => void): Promise<Record<string, number | string>> {
  await using stack = new AsyncDisposableStack();
  const weights = join(DATA, file);
  const here = await chooseModel(recipe, weights);
  const server = spawn(process.execPath, [join(import.meta.dirname, 'remote-model-server.ts'), weights], { stdio: ['ignore', 'pipe', 'inherit'] });
  stack.defer(() => { server.kill('SIGKILL'); });
  const url = await listening(server.stdout);
  const { model_weights: _, sha256: _hash, source: _source, ...manifest } = here.manifest;
  const there: LoadedModel = { ...here, weightsPath: '', manifest: { ...manifest, model_type: 'remote', remote: { url, model: 'detector', timeout_ms: 30_000 } } };
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-bench-'));
  stack.defer(() => rmSync(ringDirectory, { recursive: true, force: true }));
  using ring = filledRing(ringDirectory);
  const sides: Side[] = [];
  for (const model of [here, there]) {
    const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-bench-'));
    stack.defer(() => rmSync(socketDirectory, { recursive: true, force: true }));
    const container: ModelContainer = stack.use(await serveModel({ ...model, manifest: { ...model.manifest, resource_requirements: { threads: 1, sessions: 1 } } }, { ringDirectory, socketDirectory }));
    sides.push({ model, client: stack.use(new IpcClient(container.socketPath, { maxConnections: 1 })), ms: [] });
  }
  for (let turn = 0; turn < LOOKS + WARM_UP; turn++) for (const side of sides) await look(side, ring, turn, config);
  const [local, remote] = sides as [Side, Side];
  const { width, height } = here.manifest.expected_resolution;
  report(`${name} (${width}x${height}): here ${median(local.ms).toFixed(2)} ms, over gRPC ${median(remote.ms).toFixed(2)} ms`);
  return {
    [`${name}_remote_over_local`]: rounded(median(remote.ms.map((ms, index) => ms / local.ms[index]!))), [`${name}_way_ms`]: rounded(median(remote.ms.map((ms, index) => ms - local.ms[index]!))),
    [`${name}_local_ms`]: rounded(median(local.ms)), [`${name}_remote_ms`]: rounded(median(remote.ms)), [`${name}_tensor_bytes`]: width * height * 3 * 4,
  };
}

async function look({ model, client, ms }: Side, ring: RingWriter, turn: number, config: NonNullable<InferRequest['config']>): Promise<void> {
  const begun = performance.now();
  const answer = await client.request({ ...requestOf(ring, model, turn), config: { ...config, deadline_ms: 30_000 } }, { timeoutMs: 60_000 }) as InferResponse;
  if (answer.error !== null) throw new Error(answer.error);
  if (turn >= WARM_UP) ms.push(performance.now() - begun);
}

async function listening(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) {
    const url = /listens (grpc:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('the server ended before it listened');
}
