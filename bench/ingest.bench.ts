// What one camera costs the kernel: CPU time of its ingest process for a 1080p25 RTSP stream in real time, with every frame
// in the ring and with no lease at all, over FFmpeg decoding the same clip to nothing in real time. Both run side by side
// in the same seconds, so that whatever the machine does meets both alike. Beside it the same over decoding as fast as it
// goes, from a file (`..._unpaced_...`): that one finds its caches warm, which no stream in real time does. The camera is not counted.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Kernel } from '@ruth/kernel';
import { parseSettings, type CameraStatus } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { ClipServer } from './clip-server.ts';
import { CLIP_FPS, hdClip } from './hd-clip.ts';
import { cpuMs } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const ROUNDS = 3;
const WINDOW_MS = 4500;
/** After a change of demand: decoder and ring are made, the next keyframe is waited for. */
const SETTLE_MS = 1500;
const START_LIMIT_MS = 30_000;
const EVERY_FRAME = 240;
const DECODE_FLOOR = join(import.meta.dirname, 'decode-floor.ts');
const FLOOR_FRAMES = 250;
const PACED_DECODE = join(import.meta.dirname, 'paced-decode.ts');

interface Window { readonly cpuMsPerFrame: number; readonly decodeMsPerFrame: number; readonly published: number; readonly frames: number }

export const bench: Bench = async (report) => {
  const clip = await hdClip();
  const [sockets, rings] = [mkdtempSync(join(tmpdir(), 'ruth-bench-')), mkdtempSync('/dev/shm/ruth-bench-')];
  const floor = spawn(process.execPath, [PACED_DECODE, clip.path, String(CLIP_FPS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await using camera = await ClipServer.start(clip.path);
    const settings = parseSettings(JSON.stringify({ paths: { socket_directory: sockets, ring_directory: rings }, models: [], cameras: [{ id: 'camera', url: camera.url }] }), 'bench');
    await using kernel = await Kernel.start({ settings, logger: createLogger('kernel', 'silent') });
    const until = async (wanted: (status: CameraStatus) => boolean): Promise<void> => {
      const endMs = performance.now() + START_LIMIT_MS;
      while (!wanted(kernel.camera('camera'))) {
        if (performance.now() > endMs) throw new Error(`the camera does not stream: ${JSON.stringify(kernel.camera('camera'))}`);
        await delay(50);
      }
    };
    const measure = async (): Promise<Window> => {
      await delay(SETTLE_MS);
      const before = kernel.camera('camera');
      const [startMs, startCpuMs, startFloorMs] = [performance.now(), cpuMs(before.pid!), cpuMs(floor.pid!)];
      await delay(WINDOW_MS);
      const [endMs, endCpuMs, endFloorMs, after] = [performance.now(), cpuMs(before.pid!), cpuMs(floor.pid!), kernel.camera('camera')];
      const frames = (endMs - startMs) / 1000 * CLIP_FPS;
      return {
        cpuMsPerFrame: (endCpuMs - startCpuMs) / frames, decodeMsPerFrame: (endFloorMs - startFloorMs) / frames,
        published: after.counters.published - before.counters.published, frames: after.counters.packets - before.counters.packets,
      };
    };
    await until(({ counters }) => counters.packets > CLIP_FPS);
    const rounds: { idle: Window; full: Window }[] = [];
    const overDecode = (window: Window): number => window.cpuMsPerFrame / window.decodeMsPerFrame;
    for (let round = 1; round <= ROUNDS; round++) {
      const idle = await measure();
      kernel.lease('bench', { camera_id: 'camera', fps: EVERY_FRAME, ttl_ms: 60_000 });
      await until(({ frame_reference: ring }) => ring !== null);
      const full = await measure();
      kernel.release('bench');
      rounds.push({ idle, full });
      report(`round ${round}: to the ring ${overDecode(full).toFixed(3)}, idle ${overDecode(idle).toFixed(3)} x decoding (${full.decodeMsPerFrame.toFixed(2)} ms a frame); ${full.published} of ${full.frames} frames published`);
    }
    const { stdout } = await promisify(execFile)(process.execPath, [DECODE_FLOOR, clip.path, String(FLOOR_FRAMES)]);
    const unpacedMs = (JSON.parse(stdout) as { cpu_ms_per_frame: number }).cpu_ms_per_frame;
    const middle = (of: (round: (typeof rounds)[number]) => number): number => Number(rounds.map(of).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(3));
    return {
      cpu_over_decode: middle(({ full }) => overDecode(full)), idle_cpu_over_decode: middle(({ idle }) => overDecode(idle)),
      cpu_over_unpaced_decode: middle(({ full }) => full.cpuMsPerFrame / unpacedMs), idle_cpu_over_unpaced_decode: middle(({ idle }) => idle.cpuMsPerFrame / unpacedMs),
      cpu_ms_per_frame: middle(({ full }) => full.cpuMsPerFrame), idle_cpu_ms_per_frame: middle(({ idle }) => idle.cpuMsPerFrame),
      decode_ms_per_frame: middle(({ full }) => full.decodeMsPerFrame), published_share: middle(({ full }) => full.published / full.frames), clip: clip.content, rounds: ROUNDS,
    };
  } finally {
    const gone = once(floor, 'exit');
    floor.kill('SIGKILL');
    await gone;
    for (const folder of [sockets, rings]) rmSync(folder, { recursive: true, force: true });
  }
};
