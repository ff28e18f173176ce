// A core on one processor, everything around it on another, measured several times; with what it was at its worst moments: its own garbage, that of
// the peers, or the machine, as a timer that does nothing sees it.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { coreSocketPath, DEFAULT_RING_DIRECTORY, type SubscriptionStatus } from '@ruth/protocol';
import { PROCESS_FLAGS } from '@ruth/cli';
import type { Lateness } from './bare-timer.ts';
import { monotonicMs, type Collection } from './gc-watch.ts';
import { cameraIds, modelIds, type PeerFigures, type PeerOptions } from './peers.ts';
import { cpuMs } from '../process-cpu.ts';

/** V8 compiles late what is called some hundred times a second: core runs for months, and is measured as it is then (docs/design/findings.md). */
const WARM_UP_MS = 45_000;
const WINDOW_MS = 8000;
/** The peers' garbage is collected before each window, and there is room for that of one: it would be taken for core's. */
const COLLECTED_MS = 500;
const PEER_FLAGS = ['--expose-gc', '--initial-heap-size=1024'];

export interface CoreFigures extends PeerFigures {
  readonly cpuMsPerRequest: number;
  readonly cpuMsPerCamera: number;
  readonly achievedOverDesired: number;
  /** How late a timer that does nothing was at worst, on core's processor. */
  readonly bareTimerMs: number;
  /** Core's collections of garbage in the window: how many, and the longest, ms. */
  readonly young: Collections;
  readonly whole: Collections;
  /** What was going on in the moments of the greatest delays, the greatest first. */
  readonly worstMoments: readonly string[];
  readonly spans: { readonly exported: number; readonly refused: number; readonly failed: number } | null;
}

export interface Collections { readonly count: number; readonly longestMs: number }

export interface CoreOptions extends PeerOptions {
  readonly rounds: number;
  /** Share of frames that are traced; null: no traces are asked for. */
  readonly samplingRatio?: number | null;
}

/** One core, measured several times. */
export async function* measureCore({ rounds, samplingRatio = null, ...options }: CoreOptions): AsyncGenerator<CoreFigures> {
  const sockets = mkdtempSync(join(tmpdir(), 'ruth-dispatch-'));
  const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-dispatch-'));
  const collections = join(sockets, 'collections');
  const peers = spawn(process.execPath, [...PROCESS_FLAGS, ...PEER_FLAGS, join(import.meta.dirname, 'peers.ts'), sockets, rings, JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const children: ChildProcess[] = [peers];
  try {
    pin(peers.pid!, 1);
    const [{ collector }] = await once(peers, 'message') as [{ collector: string }];
    const bareTimer = spawn(process.execPath, [join(import.meta.dirname, 'bare-timer.ts')], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    children.push(bareTimer);
    pin(bareTimer.pid!, 0);
    const core = spawn(process.execPath, [...PROCESS_FLAGS, '--import', join(import.meta.dirname, 'gc-watch.ts'), join(import.meta.dirname, '../../packages/core/src/main.ts'), '-c', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, RUTH_BENCH_GC: collections },
    });
    children.push(core);
    pin(core.pid!, 0);
    core.stdin.end(JSON.stringify({
      paths: { socket_directory: sockets, ring_directory: rings, data_directory: join(sockets, 'data') },
      cameras: cameraIds(options.cameras).map((id) => ({ id, url: 'rtsp://127.0.0.1/1' })), models: modelIds(options.models).map((id) => ({ id })),
      subscriptions: modelIds(options.models).map((model) => ({ camera: '*', model, desired_fps: options.fps })),
      ...(samplingRatio === null ? {} : { telemetry: { endpoint: collector, sampling_ratio: samplingRatio } }),
    }));
    for await (const line of createInterface(core.stdout)) if (line.includes('"ready"')) break;
    core.stdout.resume();
    // One that reads what core tells, as the server does.
    const events = request({ socketPath: coreSocketPath(sockets), path: '/v1/events' }, (response) => response.resume()).on('error', () => undefined);
    events.end();
    await delay(WARM_UP_MS);

    for (let round = 0; round < rounds; round++) {
      // What was asked while the peers collected is answered before the window begins.
      peers.send({ collect: true });
      await delay(COLLECTED_MS);
      const beganMs = monotonicMs();
      const answeredBefore = await answered(sockets);
      const cpuBefore = cpuMs(core.pid!);
      for (const child of [peers, bareTimer]) child.send({ start: true });
      await delay(WINDOW_MS);
      for (const child of [peers, bareTimer]) child.send({ stop: true });
      const [[figures], [lateness]] = await Promise.all([once(peers, 'message'), once(bareTimer, 'message')]) as [[PeerFigures], [Lateness]];
      const cpu = cpuMs(core.pid!) - cpuBefore;
      const ofCore = readCollections(collections);
      const inWindow = (kind: Collection['kind']): Collections => {
        const of = ofCore.filter((collection) => collection.kind === kind && collection.atMs >= beganMs);
        return { count: of.length, longestMs: Math.max(0, ...of.map(({ ms }) => ms)) };
      };
      const looks = await answered(sockets) - answeredBefore;
      yield {
        ...figures, cpuMsPerRequest: cpu / looks, cpuMsPerCamera: cpu / options.cameras, achievedOverDesired: looks / (figures.published * options.models),
        bareTimerMs: lateness.worstMs, young: inWindow('young'), whole: inWindow('whole'), worstMoments: explain(figures, ofCore, lateness), spans: samplingRatio === null ? null : await spansOf(sockets),
      };
    }
    events.destroy();
  } finally {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const folder of [sockets, rings]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Where there is but one processor, or no taskset, all run as the system has them. */
export function pin(pid: number, processor: number): void {
  spawnSync('taskset', ['-a', '-cp', String(processor), String(pid)], { stdio: 'ignore' });
}

function readCollections(file: string): Collection[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Collection) : [];
}

/** Requests that were on their way at the same time were held up by the same thing: one moment. */
function explain({ slowest, collections: ofPeers }: PeerFigures, ofCore: readonly Collection[], { late }: Lateness): string[] {
  const moments: { delayMs: number; atMs: number }[] = [];
  for (const slow of slowest) if (!moments.some(({ atMs }) => Math.abs(atMs - slow.atMs) < 20)) moments.push(slow);
  return moments.slice(0, 4).map(({ delayMs, atMs }) => {
    const during = (beganMs: number, ms: number): boolean => beganMs < atMs && beganMs + ms > atMs - delayMs;
    const causes = [
      ...ofCore.filter((collection) => during(collection.atMs, collection.ms)).map(({ kind, ms }) => `core collects (${kind}) ${ms.toFixed(1)} ms`),
      ...ofPeers.filter((collection) => during(collection.atMs, collection.ms)).map(({ kind, ms }) => `the peers collect (${kind}) ${ms.toFixed(1)} ms`),
      ...late.filter((one) => during(one.atMs - one.ms, one.ms)).map(({ ms }) => `the bare timer is ${ms.toFixed(1)} ms late`),
    ];
    return `${delayMs.toFixed(1)} ms: ${causes.join(', ') || 'nothing of these'}`;
  });
}

async function asked(socketDirectory: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request({ socketPath: coreSocketPath(socketDirectory), path }, (response) => void response.toArray().then((chunks) => resolve(Buffer.concat(chunks as Buffer[]).toString()), reject)).on('error', reject).end();
  return promise;
}

async function answered(socketDirectory: string): Promise<number> {
  return (JSON.parse(await asked(socketDirectory, '/v1/subscriptions')) as SubscriptionStatus[]).reduce((sum, { answered: count }) => sum + count, 0);
}

async function spansOf(socketDirectory: string): Promise<CoreFigures['spans']> {
  const text = await asked(socketDirectory, '/v1/metrics');
  const value = (name: string): number => Number(new RegExp(`^ruth_core_${name} (\\d+)`, 'm').exec(text)?.[1]);
  return { exported: value('spans_exported_total'), refused: value('traces_refused_total'), failed: value('spans_failed_total') };
}
