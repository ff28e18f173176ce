// What a recorded camera costs: CPU time of everything the kernel runs for it (its ingest process, the kernel itself, mediasoup's
// worker) while it records 1080p25 as it comes and holds a WebRTC producer ready, without viewers and without decoding, over
// FFmpeg's `-c copy -f segment` of the same clip. Both run side by side in the same seconds, each from a camera of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../packages/kernel/test/test-kernel.ts';
import { ClipCamera } from '../test/chaos/clip-camera.ts';
import { KernelRun } from '../test/chaos/kernel-run.ts';
import { hdClip } from './hd-clip.ts';
import { cpuMs, descendants } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const ROUNDS = 5;
const WINDOW_MS = 6000;
/** At 25 pictures a second V8 takes a while to see what is worth compiling; a recorder runs for months. */
const WARM_UP_MS = 45_000;
const SEGMENT_S = 10;

export const bench: Bench = async (report) => {
  const clip = await hdClip();
  const [folder, rings] = [mkdtempSync(join(tmpdir(), 'ruth-bench-')), mkdtempSync('/dev/shm/ruth-bench-')];
  const [recordings, copies] = [join(folder, 'recordings'), mkdtempSync(join(folder, 'copies-'))];
  try {
    await using ours = await ClipCamera.start(clip.path);
    await using theirs = await ClipCamera.start(clip.path);
    await using kernel = new KernelRun({ url: ours.url, cameraIds: ['camera'], socketDirectory: folder, ringDirectory: rings, recordings, segmentS: SEGMENT_S, webrtc: true });
    await using ffmpeg = new FfmpegCopy(theirs.url, copies);
    await until(() => kernel.cameras().catch(() => []), (cameras) => cameras[0]?.state === 'streaming', 'the camera streams');
    await until(() => readdirSync(copies).length, (files) => files > 0, 'ffmpeg writes');
    await delay(WARM_UP_MS);
    const rounds: Record<'ingest' | 'kernel' | 'worker' | 'ffmpeg', number>[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const ingest = (await kernel.cameras())[0]!.pid!;
      const workers = descendants(kernel.pid).filter((pid) => pid !== ingest);
      const look = () => ({ ingest: cpuMs(ingest), kernel: cpuMs(kernel.pid), worker: workers.reduce((sum, pid) => sum + cpuMs(pid), 0), ffmpeg: cpuMs(ffmpeg.pid) });
      const before = look();
      await delay(WINDOW_MS);
      const after = look();
      const used = Object.fromEntries(Object.entries(after).map(([who, ms]) => [who, ms - before[who as keyof typeof before]])) as typeof before;
      rounds.push(used);
      report(`round ${round}: ${((used.ingest + used.kernel + used.worker) / used.ffmpeg).toFixed(3)} x ffmpeg; ms in ${WINDOW_MS}: ${Object.entries(used).map(([who, ms]) => `${who} ${ms.toFixed(0)}`).join(', ')}`);
    }
    const [camera] = await kernel.cameras();
    const middle = (of: (round: (typeof rounds)[number]) => number): number => Number(rounds.map(of).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(3));
    const ofCore = (who: keyof (typeof rounds)[number]): number => middle((round) => round[who] / WINDOW_MS);
    return {
      cpu_over_ffmpeg_copy: middle(({ ingest, kernel: main, worker, ffmpeg: copy }) => (ingest + main + worker) / copy), ingest_over_ffmpeg_copy: middle(({ ingest, ffmpeg: copy }) => ingest / copy),
      ingest_core: ofCore('ingest'), kernel_core: ofCore('kernel'), worker_core: ofCore('worker'), ffmpeg_core: ofCore('ffmpeg'),
      recording: camera!.recording.state, bytes_written: camera!.recording.bytes_written, ffmpeg_bytes_written: sizeOf(copies), drops: camera!.drops, clip: clip.content, rounds: ROUNDS,
    };
  } finally {
    for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true });
  }
};

/** The yardstick: Debian's ffmpeg, copying into segments until it is disposed. */
class FfmpegCopy implements AsyncDisposable {
  readonly #process: ReturnType<typeof spawn>;

  constructor(url: string, folder: string) {
    this.#process = spawn('ffmpeg', ['-nostdin', '-hide_banner', '-loglevel', 'error', '-rtsp_transport', 'tcp', '-i', url, '-c', 'copy', '-an',
      '-f', 'segment', '-segment_time', String(SEGMENT_S), '-segment_format', 'mp4', join(folder, '%d.mp4')], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  get pid(): number { return this.#process.pid!; }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}

const sizeOf = (folder: string): number => readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
