// What an IpcClient costs alone, in a process of its own: the same requests at the same rate as in the dispatch bench, to one
// container in another process, nothing done with the answers. Prints {"cpu_ms_per_request"}.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_RING_DIRECTORY, modelSocketPath } from '@ruth/protocol';
import { IpcClient } from '@ruth/transport';
import { cpuMs } from '../process-cpu.ts';

const REQUESTS_PER_SECOND = 960;
const TICK_MS = 10;
const WARM_UP_MS = 2000;
const WINDOW_MS = 5000;

const sockets = mkdtempSync(join(tmpdir(), 'ruth-dispatch-'));
const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-dispatch-'));
const peers = spawn(process.execPath, [join(import.meta.dirname, 'peers.ts'), sockets, rings, JSON.stringify({ cameras: 1, models: 1, fps: 1 })], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
await once(peers, 'message');
const client = new IpcClient(modelSocketPath('model-0', sockets), { maxConnections: 64 });
let requests = 0;
let inFlight = 0;
const ask = (): void => {
  const timestamp = Date.now() / 1000;
  inFlight++;
  void client.request({
    frame_reference: `${rings}/vas_frames_camera-0`, frame_metadata: { frame_id: requests, width: 64, height: 48, format: 'NV12', timestamp },
    camera_id: 'camera-0', model_id: 'model-0', timestamp, config: { deadline_ms: 1000 },
  }, { timeoutMs: 1100 }).then(() => {
    requests++;
    inFlight--;
  });
};
const timer = setInterval(() => { for (let count = 0; count < REQUESTS_PER_SECOND * TICK_MS / 1000; count++) ask(); }, TICK_MS);
await delay(WARM_UP_MS);
const [cpuBefore, before] = [cpuMs(process.pid), requests];
await delay(WINDOW_MS);
console.log(JSON.stringify({ cpu_ms_per_request: (cpuMs(process.pid) - cpuBefore) / (requests - before) }));
clearInterval(timer);
while (inFlight > 0) await delay(5);
await client.close();
peers.disconnect();
await once(peers, 'exit');
for (const folder of [sockets, rings]) rmSync(folder, { recursive: true, force: true });
