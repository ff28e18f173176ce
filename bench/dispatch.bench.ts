// What core itself costs: cameras with real rings, models behind real sockets that answer at once, and one consumer of events.
// Core runs on one processor, everything around it on another. Side by side with it, in the same run, what the client alone
// costs: the same requests to the same containers from a bare loop.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { coreSocketPath, DEFAULT_RING_DIRECTORY, type SubscriptionStatus } from '@ruth/protocol';
import { PROCESS_FLAGS } from '@ruth/cli';
import { cameraIds, modelIds, type PeerFigures, type PeerOptions } from './dispatch/peers.ts';
import { cpuMs } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const MODELS = 3;
const FPS = 5;
const CAMERA_COUNTS = [8, 64];
const ROUNDS = 3;
/** V8 compiles late what is called some hundred times a second: core runs for months, and is measured as it is then (docs/design/findings.md). */
const WARM_UP_MS = 45_000;
const WINDOW_MS = 8000;
/** Between two looks at a ring's head while a frame is late: at most, packages/core/src/next-frame.ts. */
const POLL_INTERVAL_MS = 10;

interface Figures extends PeerFigures { readonly cpuMsPerRequest: number; readonly cpuMsPerCamera: number; readonly achievedOverDesired: number }

export const bench: Bench = async (report) => {
  // It reads the events: it must not take turns with core.
  pin(process.pid, 1);
  const client = await clientCpuMs();
  const results = new Map<number, Figures[]>(CAMERA_COUNTS.map((count) => [count, []]));
  for (const cameras of CAMERA_COUNTS) {
    let round = 0;
    for await (const figures of measure({ cameras, models: MODELS, fps: FPS })) {
      results.get(cameras)!.push(figures);
      report(`round ${++round}, ${cameras} cameras: ${figures.cpuMsPerRequest.toFixed(3)} ms a request, ${(figures.achievedOverDesired * 100).toFixed(2)} % of the desired rate, ${JSON.stringify(figures)}`);
    }
  }
  const [few, many] = CAMERA_COUNTS.map((count) => results.get(count)!) as [Figures[], Figures[]];
  const middle = (of: readonly Figures[], value: (figures: Figures) => number): number => of.map(value).sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
  const perRequest = middle(many, ({ cpuMsPerRequest }) => cpuMsPerRequest);
  return {
    cpu_ms_per_request: round(perRequest), achieved_over_desired: round(Math.min(...many.map(({ achievedOverDesired }) => achievedOverDesired))),
    achieved_over_desired_of_the_least: round(Math.min(...many.map(({ leastShare }) => leastShare))),
    worst_jitter_ms: round(middle(many, ({ worstJitterMs }) => worstJitterMs)), poll_interval_ms: POLL_INTERVAL_MS, delay_p50_ms: round(middle(many, ({ delayMs }) => delayMs.p50)),
    peers_own_lateness_ms: round(middle(many, ({ ownLatenessMs }) => ownLatenessMs)),
    cost_per_camera_64_over_8: round(middle(many, ({ cpuMsPerCamera }) => cpuMsPerCamera) / middle(few, ({ cpuMsPerCamera }) => cpuMsPerCamera)),
    client_cpu_ms_per_request: round(client), client_share: round(client / perRequest),
    cameras: CAMERA_COUNTS.at(-1), models: MODELS, fps: FPS, rounds: ROUNDS,
  };
};

/** One core, measured several times. */
async function* measure(options: PeerOptions): AsyncGenerator<Figures> {
  const sockets = mkdtempSync(join(tmpdir(), 'ruth-dispatch-'));
  const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-dispatch-'));
  const peers = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, 'dispatch/peers.ts'), sockets, rings, JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const children: ChildProcess[] = [peers];
  try {
    pin(peers.pid!, 1);
    await once(peers, 'message');
    const core = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, '../packages/core/src/main.ts'), '-c', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(core);
    pin(core.pid!, 0);
    core.stdin.end(JSON.stringify({
      paths: { socket_directory: sockets, ring_directory: rings, data_directory: join(sockets, 'data') },
      cameras: cameraIds(options.cameras).map((id) => ({ id, url: 'rtsp://127.0.0.1/1' })), models: modelIds(options.models).map((id) => ({ id })),
      subscriptions: modelIds(options.models).map((model) => ({ camera: '*', model, desired_fps: options.fps })),
    }));
    for await (const line of createInterface(core.stdout)) if (line.includes('"ready"')) break;
    core.stdout.resume();
    // One that reads what core tells, as the server does.
    const events = request({ socketPath: coreSocketPath(sockets), path: '/v1/events' }, (response) => response.resume()).on('error', () => undefined);
    events.end();
    await delay(WARM_UP_MS);

    for (let round = 0; round < ROUNDS; round++) {
      const answeredBefore = await answered(sockets);
      const cpuBefore = cpuMs(core.pid!);
      peers.send({ start: true });
      await delay(WINDOW_MS);
      peers.send({ stop: true });
      const [figures] = await once(peers, 'message') as [PeerFigures];
      const cpu = cpuMs(core.pid!) - cpuBefore;
      const looks = await answered(sockets) - answeredBefore;
      yield { ...figures, cpuMsPerRequest: cpu / looks, cpuMsPerCamera: cpu / options.cameras, achievedOverDesired: looks / (figures.published * options.models) };
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

/** What the client of transport costs alone: the requests that core would send, one after another on kept connections, each answer checked for nothing. */
async function clientCpuMs(): Promise<number> {
  const child = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, 'dispatch/bare-client.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  pin(child.pid!, 0);
  const text = Buffer.concat(await child.stdout.toArray() as Buffer[]).toString();
  return (JSON.parse(text) as { cpu_ms_per_request: number }).cpu_ms_per_request;
}

/** Where there is but one processor, or no taskset, all run as the system has them. */
function pin(pid: number, processor: number): void {
  spawnSync('taskset', ['-a', '-cp', String(processor), String(pid)], { stdio: 'ignore' });
}

async function answered(socketDirectory: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<SubscriptionStatus[]>();
  request({ socketPath: coreSocketPath(socketDirectory), path: '/v1/subscriptions' }, (response) => void response.toArray().then((chunks) => {
    resolve(JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as SubscriptionStatus[]);
  }, reject)).on('error', reject).end();
  return (await promise).reduce((sum, { answered: count }) => sum + count, 0);
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
