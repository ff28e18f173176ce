// What a request through IpcClient and IpcServer costs over a bare ping-pong of the same bytes between the same two processes:
// JSON, framing, deadline, cancellation and the pool. Both take turns in short runs, so that a busy machine slows both alike.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMessage, IpcClient } from '@ruth/transport';
import { DETECTION_COUNTS, REQUEST, REQUEST_BYTES, response } from './ipc-peer.ts';
import type { Bench } from './runner.ts';

const RUNS = 31;
const KEPT_PER_RUN = 1000;
const CONNECTS_PER_RUN = 250;
const TIMEOUT_MS = 5000;

interface Way { readonly perRun: number; readonly ruth: () => Promise<unknown>; readonly bare: () => Promise<unknown> }

export const bench: Bench = async (report) => {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-bench-'));
  const peer = fork(join(import.meta.dirname, 'ipc-peer.ts'), [directory]);
  await using resources = new AsyncDisposableStack();
  resources.defer(() => {
    peer.disconnect();
    rmSync(directory, { recursive: true, force: true });
  });
  await once(peer, 'message');

  const [few, many] = DETECTION_COUNTS.map((count) => {
    const client = resources.use(new IpcClient(`${directory}/ruth_${count}`, { maxConnections: 1 }));
    const socket = resources.adopt(connect(`${directory}/bare_${count}`), (bare) => void bare.destroy());
    const bytes = encodeMessage(response(count)).length;
    report(`${count} detections: request ${REQUEST_BYTES.length} bytes, response ${bytes} bytes`);
    return { perRun: KEPT_PER_RUN, ruth: () => client.request(REQUEST, { timeoutMs: TIMEOUT_MS }), bare: () => pingPong(socket, bytes), bytes };
  });
  const perRequest: Way = {
    perRun: CONNECTS_PER_RUN,
    ruth: async () => {
      await using client = new IpcClient(`${directory}/ruth_1`, { maxConnections: 1 });
      await client.request(REQUEST, { timeoutMs: TIMEOUT_MS });
    },
    bare: async () => {
      const socket = connect(`${directory}/bare_1`);
      await pingPong(socket, few!.bytes);
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    },
  };
  const kept = await compare(few!);
  const connected = await compare(perRequest);
  const busy = await compare(many!);
  return {
    p50_over_floor: kept.ratio, connect_p50_over_floor: connected.ratio, p50_over_floor_10_detections: busy.ratio,
    p50_us: kept.ruthUs, floor_p50_us: kept.bareUs, connect_p50_us: connected.ruthUs, connect_floor_p50_us: connected.bareUs,
    request_bytes: REQUEST_BYTES.length, response_bytes: few!.bytes, runs: RUNS,
  };
};

async function compare(way: Way): Promise<{ ratio: number; ruthUs: number; bareUs: number }> {
  const runs: { ruth: number; bare: number }[] = [];
  for (let run = -2; run < RUNS; run++) { // the first two only warm up
    const times = run % 2 === 0
      ? { ruth: await p50Us(way.perRun, way.ruth), bare: await p50Us(way.perRun, way.bare) }
      : { bare: await p50Us(way.perRun, way.bare), ruth: await p50Us(way.perRun, way.ruth) };
    if (run >= 0) runs.push(times);
  }
  return {
    ratio: round(median(runs.map(({ ruth, bare }) => ruth / bare))),
    ruthUs: round(median(runs.map(({ ruth }) => ruth))), bareUs: round(median(runs.map(({ bare }) => bare))),
  };
}

function pingPong(socket: Socket, responseBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let received = 0;
    socket.on('data', function take(chunk) {
      received += chunk.length;
      if (received < responseBytes) return;
      socket.off('data', take);
      resolve();
    });
    socket.write(REQUEST_BYTES);
  });
}

async function p50Us(count: number, exchange: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const begin = performance.now();
    await exchange();
    times.push((performance.now() - begin) * 1000);
  }
  return median(times);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
