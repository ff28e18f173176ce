// What a camera costs its node that many watch at another one: each viewer straight from the camera's node, or all over one pipe. Two kernels, a real camera, one Chromium
// that has all viewers, in one run. Bytes are counted where they leave the camera's node (over the pipe by mediasoup, encrypted; straight by what the viewers got), CPU is that
// of its mediasoup worker. First pictures are those of WHEP players who come in the middle of a group of pictures while others watch.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Kernel } from '@ruth/kernel';
import { Joined, SITE } from '../packages/kernel/test/joined-kernels.ts';
import { Clips, launch, RealCamera } from '../packages/kernel/test/real-camera.ts';
import { TestKernel } from '../packages/kernel/test/test-kernel.ts';
import { WebRtcBrowser, type WatchingPage } from '../packages/kernel/test/webrtc-browser.ts';
import type { ruth as Ruth } from '../packages/kernel/test/webrtc-page.ts';
import { cpuMs, descendants } from './process-cpu.ts';
import { quantile } from './quantile.ts';
import type { Bench } from './runner.ts';

declare const ruth: typeof Ruth;

const COUNTS = [2, 5, 10];
const WATCH_MS = 8000;
const LATE_VIEWERS = 5;

interface Measured { readonly kbps: number[]; readonly cpu: number[]; readonly firstMs: number[] }

export const bench: Bench = async (report) => {
  await using clips = await Clips.open();
  await using camera = await RealCamera.start({ front: launch.h264(await clips.make('front.mp4', { seconds: 120, gop: 250, extra: ['-b:v', '1M', '-maxrate', '1M', '-bufsize', '500k'] })) });
  await using a = await TestKernel.start([{ id: 'front', url: camera.url('front') }], undefined, SITE);
  await a.streaming('front');
  const direct = await measure(a.kernel, '/v1/cameras', (page) => bytesOf(page), report);
  await using b = await TestKernel.start([], undefined, SITE);
  using _pipe = await new Joined(a.kernel, b.kernel, 'front').ready();
  const piped = await measure(b.kernel, '/v1/piped', async () => (await a.kernel.pipes!.status()).sent.bytes, report);
  return {
    ...Object.fromEntries(COUNTS.flatMap((count, index) => [
      [`direct_kbps_${count}`, direct.kbps[index]], [`piped_kbps_${count}`, piped.kbps[index]], [`ratio_${count}`, Math.round(100 * piped.kbps[index]! / direct.kbps[index]!) / 100],
      [`direct_worker_ms_per_s_${count}`, direct.cpu[index]], [`piped_worker_ms_per_s_${count}`, piped.cpu[index]],
    ])),
    direct_first_picture_ms: quantile(direct.firstMs, 0.5), direct_first_picture_worst_ms: quantile(direct.firstMs, 1), piped_first_picture_ms: quantile(piped.firstMs, 0.5), piped_first_picture_worst_ms: quantile(piped.firstMs, 1),
  };
};

/** Of the worker at the camera's node, which is the first that was started. */
let workerPid: number | null = null;

/** `bytes`: that have left the camera's node so far. */
async function measure(kernel: Kernel, cameras: string, bytes: (page: WatchingPage) => Promise<number>, report: (line: string) => void): Promise<Measured> {
  await using browser = await WebRtcBrowser.start(kernel.socketPath);
  const page = await browser.page();
  const measured: Measured = { kbps: [], cpu: [], firstMs: [] };
  let watching = 0;
  for (const count of COUNTS) {
    for (; watching < count; watching++) await page.sees((await page.whep('front', {}, cameras)).index);
    workerPid ??= descendants(process.pid).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('mediasoup')) ?? null;
    const [bytesBefore, cpuBefore, beganMs] = [await bytes(page), cpuMs(workerPid!), performance.now()];
    await delay(WATCH_MS);
    const seconds = (performance.now() - beganMs) / 1000;
    measured.kbps.push(Math.round((await bytes(page) - bytesBefore) * 8 / 1000 / seconds));
    measured.cpu.push(Math.round(10 * (cpuMs(workerPid!) - cpuBefore) / seconds) / 10);
    report(`${cameras}: ${count} viewers, ${measured.kbps.at(-1)} kbit/s and ${measured.cpu.at(-1)} ms of CPU a second at the camera's node`);
  }
  for (let late = 0; late < LATE_VIEWERS; late++) {
    // Pictures since the last keyframe are sent again once a second at most.
    await delay(1500);
    measured.firstMs.push(await page.page.evaluate(async (path) => {
      const beganMs = performance.now();
      const { index } = await ruth.whep(path);
      while (ruth.viewers[index]!.shown.length === 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
      return Math.round(ruth.viewers[index]!.shown[0]!.atMs - beganMs);
    }, `${cameras}/front/whep`));
    report(`${cameras}: first picture of a late viewer after ${measured.firstMs.at(-1)} ms`);
  }
  return measured;
}

/** That the page's viewers have got, without the headers of UDP and IP. */
function bytesOf(page: WatchingPage): Promise<number> {
  return page.page.evaluate(async () => {
    const reports = await Promise.all(ruth.viewers.map(({ stats }) => stats()));
    return reports.flatMap((one) => [...one.values()] as { type: string; bytesReceived?: number }[]).filter(({ type }) => type === 'transport').reduce((sum, { bytesReceived = 0 }) => sum + bytesReceived, 0);
  });
}
