// What a recorded camera costs: CPU time of everything the kernel runs for it (its ingest process, the kernel itself, mediasoup's
// worker) while it records 1080p25 as it comes, without decoding, over FFmpeg's `-c copy -f segment` of the same clip. Both run
// side by side in the same seconds, each from a camera of its own: first with nobody watching (a producer is made when somebody
// does), then (`watched_...`) with the WebRTC producer at work for one viewer, a real browser.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CameraStatus } from '@ruth/protocol';
import { until } from '../packages/kernel/test/test-kernel.ts';
import { launchBrowser } from '../packages/web/test/browser.ts';
import { ClipCamera } from '../test/chaos/clip-camera.ts';
import { commandLine, RunningRuth } from '../test/end-to-end/running-ruth.ts';
import { hdClip } from './hd-clip.ts';
import { LiveViewer } from './live-viewer.ts';
import { cpuMs, descendants } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const CAMERA = 'camera';
const ROUNDS = 5;
const WINDOW_MS = 6000;
/** At 25 pictures a second V8 takes a while to see what is worth compiling; a recorder runs for months. */
const WARM_UP_MS = 45_000;
const VIEWER_WARM_UP_MS = 15_000;
const SEGMENT_S = 10;

type Costs = Record<'ingest' | 'kernel' | 'worker' | 'ffmpeg', number>;

export const bench: Bench = async (report) => {
  const clip = await hdClip();
  const folder = mkdtempSync(join(tmpdir(), 'ruth-bench-'));
  const copies = mkdtempSync(join(folder, 'copies-'));
  const browser = await launchBrowser();
  try {
    await using ours = await ClipCamera.start(clip.path);
    await using theirs = await ClipCamera.start(clip.path);
    const settings = { cameras: [{ id: CAMERA, url: ours.url }], models: [], subscriptions: [], recording: { directory: join(folder, 'recordings'), segment_s: SEGMENT_S, min_free_gb: 0 } };
    await using ruth = await RunningRuth.start(['up'], settings);
    await using ffmpeg = new FfmpegCopy(theirs.url, copies);
    const camera = async (): Promise<CameraStatus | undefined> => (await ruth.get<CameraStatus[]>('/api/v1/cameras'))[0];
    await ruth.until('the camera streams', async () => (await camera())?.state === 'streaming');
    await until(() => readdirSync(copies).length, (files) => files > 0, 'ffmpeg writes');
    const kernel = ruth.descendants().find((pid) => commandLine(pid).includes('kernel/src/main.ts'))!;
    const ingest = (await camera())!.pid!;
    const rounds = async (what: string): Promise<Costs[]> => {
      const workers = descendants(kernel).filter((pid) => pid !== ingest);
      const look = (): Costs => ({ ingest: cpuMs(ingest), kernel: cpuMs(kernel), worker: workers.reduce((sum, pid) => sum + cpuMs(pid), 0), ffmpeg: cpuMs(ffmpeg.pid) });
      const done: Costs[] = [];
      while (done.length < ROUNDS) {
        const before = look();
        await delay(WINDOW_MS);
        const after = look();
        const used = Object.fromEntries(Object.entries(after).map(([who, ms]) => [who, ms - before[who as keyof Costs]])) as Costs;
        done.push(used);
        report(`${what}, round ${done.length}: ${(oursOf(used) / used.ffmpeg).toFixed(3)} x ffmpeg; ms in ${WINDOW_MS}: ${Object.entries(used).map(([who, ms]) => `${who} ${ms.toFixed(0)}`).join(', ')}`);
      }
      return done;
    };
    await delay(WARM_UP_MS);
    const alone = await rounds('nobody watches');
    await using viewer = await LiveViewer.open(browser, ruth, CAMERA, 'webrtc');
    await viewer.firstPicture('webrtc');
    await delay(VIEWER_WARM_UP_MS);
    const watched = await rounds('watched');
    const { recording, drops } = (await camera())!;
    return {
      cpu_over_ffmpeg_copy: middle(alone, overFfmpeg), watched_cpu_over_ffmpeg_copy: middle(watched, overFfmpeg),
      ...ofCore('', alone), ...ofCore('watched_', watched),
      recording: recording.state, bytes_written: recording.bytes_written, ffmpeg_bytes_written: sizeOf(copies), drops, clip: clip.content, rounds: ROUNDS,
    };
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

const oursOf = ({ ingest, kernel, worker }: Costs): number => ingest + kernel + worker;
const overFfmpeg = (costs: Costs): number => oursOf(costs) / costs.ffmpeg;

function middle(rounds: readonly Costs[], of: (costs: Costs) => number): number {
  return Number(rounds.map(of).sort((a, b) => a - b)[Math.floor(rounds.length / 2)]!.toFixed(3));
}

function ofCore(prefix: string, rounds: readonly Costs[]): Record<string, number> {
  return Object.fromEntries((['ingest', 'kernel', 'worker', 'ffmpeg'] as const).map((who) => [`${prefix}${who}_core`, middle(rounds, (costs) => costs[who] / WINDOW_MS)]));
}

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
