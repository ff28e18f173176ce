// What misuse of a container costs its honest clients: random bytes, lying lengths, messages that never end, wrong requests, unread answers
// of 20 clients, and 1000 connections that say nothing. Honest clients are measured alone and beside them, in turns.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BUILT_IN_POSE, DEFAULT_RING_DIRECTORY, modelSocketPath, type HealthResponse, type InferResponse } from '@ruth/protocol';
import { createLogger, IpcClient, RingWriter } from '@ruth/transport';
import { containerProcess, Supervisor } from '@ruth/cli';
import type { Bench } from '../../bench/runner.ts';
import { publishGrey } from '../../packages/container/test/harness.ts';
import { startMisuse } from '../../packages/container/test/misuse-clients.ts';

const ROUNDS = 4;
const ROUND_MS = 8000;
const HONEST = 2;
const ASK_EVERY_MS = 100;
const MISUSERS = 20;
const PER_SECOND = 5;
const IDLE = 980;

export const bench: Bench = async (report) => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-chaos-'));
  try {
    using ring = RingWriter.create({ cameraId: 'cam', width: 640, height: 360, format: 'NV12', slotCount: 2, ringDirectory });
    const frameId = publishGrey(ring, 100);
    await using supervisor = new Supervisor({ logger: createLogger('chaos', 'silent'), forward: () => undefined });
    const container = supervisor.start(containerProcess(BUILT_IN_POSE, join(import.meta.dirname, '../../models', BUILT_IN_POSE), `paths: { socket_directory: ${folder}, ring_directory: ${ringDirectory} }\n`));
    await container.firstReady;
    const socketPath = modelSocketPath(BUILT_IN_POSE, folder);
    const request = { frame_reference: ring.path, frame_metadata: { frame_id: frameId, width: 640, height: 360, format: 'NV12' }, camera_id: 'cam', model_id: BUILT_IN_POSE, config: { confidence_threshold: 0.3 } };
    await using client = new IpcClient(socketPath, { maxConnections: HONEST });
    const lost: string[] = [];
    const latencies = async (): Promise<number[]> => {
      const values: number[] = [];
      const begun = performance.now();
      await Promise.all(Array.from({ length: HONEST }, async (_, index) => {
        await delay(index * ASK_EVERY_MS / HONEST);
        for (; performance.now() - begun < ROUND_MS; await delay(ASK_EVERY_MS)) {
          const asked = performance.now();
          const error = await client.request(request, { timeoutMs: 30_000 }).then((answer) => (answer as InferResponse).error, (cause: Error) => cause.message);
          values.push(performance.now() - asked);
          if (error !== null) lost.push(error);
        }
      }));
      return values;
    };
    await latencies();
    const p99s = { alone: [] as number[], beside: [] as number[] };
    let misused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      p99s.alone.push(percentile(await latencies(), 0.99));
      const misuse = await startMisuse({ socketPath, clients: MISUSERS, perSecond: PER_SECOND, idle: IDLE, request });
      p99s.beside.push(percentile(await latencies(), 0.99));
      misused += await misuse.stop();
      report(`round ${round + 1}: p99 alone ${p99s.alone.at(-1)!.toFixed(1)} ms, beside misuse ${p99s.beside.at(-1)!.toFixed(1)} ms`);
    }
    for (const line of new Set(lost)) report(`lost: ${line}`);
    const { counters, status } = await client.request({ type: 'health' }, { timeoutMs: 30_000 }) as HealthResponse;
    return {
      lost_requests: lost.length, p99_over_alone: round3(percentile(p99s.beside, 0.5) / percentile(p99s.alone, 0.5)), p99_alone_ms: round3(percentile(p99s.alone, 0.5)), p99_beside_ms: round3(percentile(p99s.beside, 0.5)),
      misused, connections_of_misuse: IDLE + MISUSERS, status_afterwards: status, restarts: container.restarts, private_mib: Math.round(counters.process_private_bytes! / 2 ** 20),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(ringDirectory, { recursive: true, force: true });
  }
};

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
