// What presses on a recorder from the side while it records: viewers that hang, shared memory that is full, a disk that
// others fill. Counts the pictures that came and are in no file; those of the time when the disk was really full, and no
// retention could help, are counted apart and must be told as a gap. Needs root and loop devices for disk and shared memory.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordingGap, Timeline } from '@ruth/protocol';
import { Demuxer } from 'node-av/api';
import { hdClip } from '../../bench/hd-clip.ts';
import type { Bench } from '../../bench/runner.ts';
import { until } from '../../packages/kernel/test/test-kernel.ts';
import { ClipCamera } from './clip-camera.ts';
import { KernelRun } from './kernel-run.ts';
import { PowerCutDisk } from './power-cut-disk.ts';
import { recordedFiles } from './recording-check.ts';

const CAMERA = 'front';
const HUNG_VIEWERS = 12;
const PRESSURE_MS = 12_000;
const SHARED_MEMORY_MB = 4;
const MIN_FREE_GB = 0.2;

export const bench: Bench = async (report) => {
  const clip = await hdClip();
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const rings = join(folder, 'shm');
  using disk = PowerCutDisk.make();
  if (!disk) throw new Error('needs root and loop devices: a disk and a shared memory of its own, to be filled');
  const recordings = join(disk.path, 'recordings');
  mkdirSync(rings);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SHARED_MEMORY_MB}m`, 'tmpfs', rings]);
  try {
    await using camera = await ClipCamera.start(clip.path);
    const gapsOf: Record<string, RecordingGap[]> = {};
    let packets: number;
    let shownError: string | null;
    {
      await using kernel = new KernelRun({ url: camera.url, cameraIds: [CAMERA], socketDirectory: folder, ringDirectory: rings, recordings, segmentS: 4, minFreeGb: MIN_FREE_GB });
      await kernel.recording(Date.now() / 1000);
      const startS = Date.now() / 1000;
      const press = async (name: string, what: () => Promise<void>): Promise<void> => {
        const fromS = Date.now() / 1000;
        await what();
        gapsOf[name] = (await kernel.timeline(CAMERA, fromS, Date.now() / 1000)).gaps;
        report(`${name}: ${gapsOf[name].length === 0 ? 'no gap' : JSON.stringify(gapsOf[name])}`);
      };
      await press('hung viewers', async () => {
        const sockets = await Promise.all(Array.from({ length: HUNG_VIEWERS }, () => hungViewer(kernel.socketPath)));
        await delay(PRESSURE_MS);
        for (const socket of sockets) socket.destroy();
      });
      await press('full shared memory', async () => {
        await kernel.call('PUT', '/v1/leases/pressure', { camera_id: CAMERA, fps: 25, ttl_ms: 60_000 });
        await until(async () => (await kernel.cameras())[0]!.last_error?.code, (code) => code === 'no_space', 'the ring does not fit');
        await delay(PRESSURE_MS / 2);
        await kernel.call('DELETE', '/v1/leases/pressure');
      });
      shownError = (await kernel.cameras())[0]!.last_error?.code ?? null;
      await press('disk nearly full', async () => {
        const { oldest } = await kernel.timeline(CAMERA, startS, Date.now() / 1000);
        fill(disk.path, MIN_FREE_GB * 0.98e9);
        await until(() => kernel.timeline(CAMERA, startS, Date.now() / 1000), (timeline: Timeline) => timeline.oldest !== null && timeline.oldest > oldest!, 'the oldest recordings are deleted');
        await delay(PRESSURE_MS / 2);
      });
      await press('disk full', async () => {
        fill(disk.path, 0);
        await until(async () => (await kernel.cameras())[0]!.recording, ({ state, cause }) => state === 'paused' && cause === 'disk_full', 'recording says that it is paused');
        await delay(3000);
        rmSync(join(disk.path, 'ballast'));
        rmSync(join(disk.path, 'ballast-rest'), { force: true });
        await kernel.recording(Date.now() / 1000);
      });
      await delay(2000);
      packets = (await kernel.cameras())[0]!.counters.packets;
    }
    const steps = await largestSteps(recordings);
    const undeclared = [...Object.entries(gapsOf)].filter(([name]) => name !== 'disk full').flatMap(([, gaps]) => gaps);
    const full = gapsOf['disk full']!;
    return {
      frames_lost_undeclared: steps.holes, gaps_under_pressure: undeclared.length, disk_full_gaps: full.length, disk_full_cause: full[0]?.cause ?? null,
      disk_full_gap_s: Number(full.reduce((total, { start, end }) => total + (end ?? start) - start, 0).toFixed(2)), shared_memory_error_shown: shownError,
      pictures_in_files: steps.pictures, pictures_came: packets, files: steps.files,
    };
  } finally {
    execFileSync('umount', ['-l', rings]);
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Asks for the live view, and never reads. */
async function hungViewer(socketPath: string): Promise<Socket> {
  const socket = connect(socketPath);
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(`GET /v1/cameras/${CAMERA}/live HTTP/1.1\r\nHost: kernel\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`);
  return socket;
}

/** Leaves at most `leaveBytes` free for others than root. */
function fill(path: string, leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(path);
  const bytes = Math.max(0, Math.floor(bavail * bsize - leaveBytes));
  const file = join(path, leaveBytes === 0 ? 'ballast-rest' : 'ballast');
  // Root may use the reserved blocks too: where nothing shall be left, take them as well.
  execFileSync('fallocate', ['-l', String(bytes), file]);
  if (leaveBytes === 0) {
    try {
      execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k', 'oflag=append', 'conv=notrunc'], { stdio: 'ignore' });
    } catch {
      // dd ends when nothing is left: that is what was wanted.
    }
  }
}

/** Within a file no picture may be missing: a step of more than one picture is a hole. */
async function largestSteps(recordings: string): Promise<{ files: number; pictures: number; holes: number }> {
  const total = { files: 0, pictures: 0, holes: 0 };
  for (const file of recordedFiles(recordings)) {
    total.files++;
    await using demuxer = await Demuxer.open(join(recordings, file));
    const video = demuxer.video()!;
    let last: number | null = null;
    for await (using packet of demuxer.packets(video.index)) {
      if (!packet) continue;
      const timeS = Number(packet.pts) * video.timeBase.num / video.timeBase.den;
      if (last !== null && timeS - last > 0.06) total.holes += Math.round((timeS - last) * 25) - 1;
      last = timeS;
      total.pictures++;
    }
  }
  return total;
}
