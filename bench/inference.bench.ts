// What the container costs beside the inference itself: requests of eight cameras through the socket, from the ring, against bare
// session.run loops on a ready tensor; what preprocessing costs; and what becomes of requests when twice too many come. All measured in
// turns, medians.
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { loadModel, Preprocessor, serveModel, type LoadedModel } from '@ruth/container';
import { BUILT_IN_DETECTOR, DEFAULT_RING_DIRECTORY, type InferResponse } from '@ruth/protocol';
import { IpcClient, RingReader, type RingWriter } from '@ruth/transport';
import { chooseModel } from './accuracy/model-choice.ts';
import { filledRing, median, requestOf, rounded, served, SLOTS, type Load, type Rate } from './inference-load.ts';
import type { Bench } from './runner.ts';

const ROOT = join(import.meta.dirname, '..');
const ROUNDS = 10;
const ROUND_MS = 2000;
const PREPROCESS_RUNS = 150;

export const bench: Bench = async (report) => {
  const dataDirectory = join(ROOT, '..', 'shared', 'data', 'models');
  const [large, small] = ['yolov8n', 'yolox_nano'].map((name) => join(dataDirectory, `${name}.onnx`)) as [string, string];
  const figures = await throughput(existsSync(large) ? await chooseModel(large) : await loadModel(join(ROOT, 'models', BUILT_IN_DETECTOR)), report);
  if (!existsSync(small)) return figures;
  const nano = await throughput(await chooseModel(small), report);
  return { ...figures, ...Object.fromEntries(Object.entries(nano).map(([key, value]) => [`nano_${key}`, value])), rounds: ROUNDS };
};

async function throughput(model: LoadedModel, report: (line: string) => void): Promise<Record<string, unknown>> {
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-bench-'));
  const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-bench-'));
  try {
    using ring = filledRing(ringDirectory);
    await using container = await serveModel(model, { ringDirectory, socketDirectory });
    const cores = availableParallelism();
    const settings = [{ sessions: 1, threads: cores }, ...(cores > 1 ? [{ sessions: cores, threads: 1 }] : [])];
    const raw = await Promise.all(settings.map((setting) => RawLoop.start(model, setting)));
    const rates = { served: [] as number[], raw: raw.map(() => [] as number[]), preprocessMs: [] as number[] };
    /** CPU milliseconds per inference of the whole process, this bench's clients with it: what holds on a machine that others use too. */
    const cpu = { served: [] as number[], raw: raw.map(() => [] as number[]) };
    const measured = async (work: Promise<Rate>, into: number[], cpuInto: number[]): Promise<void> => {
      const before = process.cpuUsage();
      const { perSecond, answered } = await work;
      const { user, system } = process.cpuUsage(before);
      into.push(perSecond);
      cpuInto.push((user + system) / 1000 / answered);
    };
    const load = { socketPath: container.socketPath, model, ring };
    await served(load, 500);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, loop] of raw.entries()) await measured(loop.run(ROUND_MS), rates.raw[index]!, cpu.raw[index]!);
      await measured(served(load, ROUND_MS), rates.served, cpu.served);
      rates.preprocessMs.push(preprocess(ring, model));
      report(`${model.manifest.model_id}, round ${round + 1}: served ${rates.served.at(-1)!.toFixed(1)}/s, raw ${rates.raw.map((each, index) => `${settings[index]!.sessions}x${settings[index]!.threads} ${each.at(-1)!.toFixed(1)}/s`).join(', ')}, preprocessing ${rates.preprocessMs.at(-1)!.toFixed(2)} ms`);
    }
    for (const loop of raw) await loop.end();
    const best = rates.raw.reduce((a, b) => (median(b) > median(a) ? b : a));
    const leastCpu = cpu.raw.reduce((a, b) => (median(b) < median(a) ? b : a));
    /** Of each round by itself: a machine whose speed drifts does so between rounds more than within one. */
    const ratio = (served: readonly number[], raw: readonly number[]): number => rounded(median(served.map((value, round) => value / raw[round]!)));
    return {
      throughput_over_raw: ratio(rates.served, best), preprocess_ms: rounded(median(rates.preprocessMs)), model: model.manifest.model_id,
      served_per_s: rounded(median(rates.served)),
      raw_per_s: Object.fromEntries(settings.map(({ sessions, threads }, index) => [`${sessions} sessions of ${threads} threads`, rounded(median(rates.raw[index]!))])),
      cpu_over_raw: ratio(cpu.served, leastCpu), cpu_ms_per_inference: rounded(median(cpu.served)), ...await overload(load, median(rates.served)),
    };
  } finally {
    rmSync(ringDirectory, { recursive: true, force: true });
    rmSync(socketDirectory, { recursive: true, force: true });
  }
}

/** One request after another, then twice as many a second as can be answered, whatever is answered: latencies of both. */
async function overload({ ring, socketPath, model }: Load, capacityPerS: number): Promise<Record<string, number>> {
  await using client = new IpcClient(socketPath, { maxConnections: 64 });
  const latencies = { alone: [] as number[], accepted: [] as number[], refused: [] as number[] };
  const ask = async (turn: number, into: (answer: InferResponse) => number[]): Promise<void> => {
    const begun = performance.now();
    const answer = await client.request(requestOf(ring, model, turn), { timeoutMs: 30_000 }) as InferResponse;
    into(answer).push(performance.now() - begun);
  };
  for (let turn = 0, begun = performance.now(); performance.now() - begun < 2 * ROUND_MS; turn++) await ask(turn, () => latencies.alone);
  const asked: Promise<void>[] = [];
  const begun = performance.now();
  for (let turn = 0; performance.now() - begun < 3 * ROUND_MS; turn++) {
    // The first second is a burst, which may wait.
    const counts = performance.now() - begun > 1000;
    asked.push(ask(turn, (answer) => (!counts ? [] : answer.error === null ? latencies.accepted : latencies.refused)));
    await delay(Math.max(0, begun + (turn + 1) * 500 / capacityPerS - performance.now()));
  }
  await Promise.all(asked);
  const p99 = (values: number[]): number => values.sort((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? NaN;
  return {
    overload_p99_over_unloaded: rounded(p99(latencies.accepted) / p99(latencies.alone)), unloaded_p99_ms: rounded(p99(latencies.alone)), accepted_p99_ms: rounded(p99(latencies.accepted)),
    refused_p99_ms: rounded(p99(latencies.refused)), accepted_share: rounded(latencies.accepted.length / (latencies.accepted.length + latencies.refused.length)),
  };
}

/** CPU milliseconds of this thread for one frame, out of the mapped ring into a 640x640 tensor, as yolov8n takes it. */
function preprocess(ring: RingWriter, model: LoadedModel): number {
  using reader = RingReader.open(ring.path, { ringDirectory: join(ring.path, '..') });
  const { manifest } = model;
  using preprocessor = new Preprocessor({
    size: { width: 640, height: 640 }, layout: 'nchw', channels: 'rgb', dtype: 'float32', mean: [0, 0, 0],
    std: manifest.normalization?.std ?? [255, 255, 255], letterbox: 'center', fill: 114,
  });
  const look = (id: number): void => {
    const read = reader.read(id % SLOTS);
    if (read.status !== 'frame') throw new Error(`frame ${id % SLOTS} is ${read.status}`);
    preprocessor.fillFrom(read.frame, undefined, () => undefined);
  };
  for (let id = 0; id < SLOTS; id++) look(id);
  const before = process.threadCpuUsage();
  for (let id = 0; id < PREPROCESS_RUNS; id++) look(id);
  const used = process.threadCpuUsage(before);
  return (used.user + used.system) / 1000 / PREPROCESS_RUNS;
}

/** Threads with a session each, run side by side. */
class RawLoop {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  static async start({ weightsPath, manifest }: LoadedModel, { sessions, threads }: { sessions: number; threads: number }): Promise<RawLoop> {
    const { width, height } = manifest.expected_resolution;
    const dims = manifest.input_format?.layout === 'nhwc' ? [1, height, width, 3] : [1, 3, height, width];
    const workers = Array.from({ length: sessions }, () => new Worker(new URL('./inference-raw-worker.ts', import.meta.url), { workerData: { weightsPath, dims, threads } }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new RawLoop(workers);
  }

  /** All threads together. */
  async run(durationMs: number): Promise<Rate> {
    const answers = this.#workers.map(async (worker) => (await once(worker, 'message') as [Rate])[0]);
    for (const worker of this.#workers) worker.postMessage({ durationMs });
    return (await Promise.all(answers)).reduce((sum, each) => ({ perSecond: sum.perSecond + each.perSecond, answered: sum.answered + each.answered }));
  }

  async end(): Promise<void> {
    const ended = this.#workers.map((worker) => once(worker, 'exit'));
    for (const worker of this.#workers) worker.postMessage('end');
    await Promise.all(ended);
  }
}
