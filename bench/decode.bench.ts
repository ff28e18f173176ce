// What each level of decoding costs: CPU seconds of a camera's ingest process for 1000 pictures of a 1080p25 stream in real
// time, of which every third is needed by others and one in 25 is a keyframe. `none` is the reading alone. Rounds go through
// all levels one after the other, so that whatever the machine does meets them alike. The camera is not counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kernel } from '@ruth/kernel';
import { parseSettings, type CameraStatus } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { ClipServer } from './clip-server.ts';
import { CLIP_FPS, hdClip } from './hd-clip.ts';
import { cpuMs } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const ROUNDS = 3;
const WINDOW_MS = 2200;
/** After a change of demand: a keyframe is waited for. */
const SETTLE_MS = 1000;
const START_LIMIT_MS = 60_000;
const UNNEEDED = 2;
/** The lease that leads to each level: a keyframe a second, 8.3 references, 25 pictures. */
const LEVELS = { none: 0, keyframes: 1, reference: 7, all: 240 } as const;
type Level = keyof typeof LEVELS;

interface Window { readonly cpuSeconds: number; readonly decoded: number; readonly published: number }

export const bench: Bench = async (report) => {
  const clip = await hdClip(1920, 1080, UNNEEDED);
  const [sockets, rings] = [mkdtempSync(join(tmpdir(), 'ruth-bench-')), mkdtempSync('/dev/shm/ruth-bench-')];
  try {
    await using camera = await ClipServer.start(clip.path);
    const settings = parseSettings(JSON.stringify({ paths: { socket_directory: sockets, ring_directory: rings }, models: [], cameras: [{ id: 'camera', url: camera.url }] }), 'bench');
    await using kernel = await Kernel.start({ settings, logger: createLogger('kernel', 'silent') });
    const until = async (wanted: (status: CameraStatus) => boolean): Promise<void> => {
      const endMs = performance.now() + START_LIMIT_MS;
      while (!wanted(kernel.camera('camera'))) {
        if (performance.now() > endMs) throw new Error(`waited in vain; the camera is ${JSON.stringify(kernel.camera('camera'))}`);
        await delay(50);
      }
    };
    const measure = async (level: Level): Promise<Window> => {
      if (LEVELS[level] === 0) kernel.release('bench');
      else kernel.lease('bench', { camera_id: 'camera', fps: LEVELS[level], ttl_ms: 60_000 });
      await until(({ decode_level: current }) => current === level);
      await delay(SETTLE_MS);
      const before = kernel.camera('camera');
      const [startMs, startCpuMs] = [performance.now(), cpuMs(before.pid!)];
      await delay(WINDOW_MS);
      const [spentMs, pictures, after] = [cpuMs(before.pid!) - startCpuMs, (performance.now() - startMs) / 1000 * CLIP_FPS, kernel.camera('camera')];
      const per1000 = (count: number): number => count / pictures * 1000;
      return { cpuSeconds: per1000(spentMs) / 1000, decoded: per1000(after.counters.decoded - before.counters.decoded), published: per1000(after.counters.published - before.counters.published) };
    };
    // The rate of the keyframes is known when there were four.
    await until(({ counters }) => counters.keyframes >= 5);
    const rounds: Record<Level, Window>[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const windows = { none: await measure('none'), keyframes: await measure('keyframes'), reference: await measure('reference'), all: await measure('all') };
      rounds.push(windows);
      report(`round ${round}: ${Object.entries(windows).map(([level, { cpuSeconds, decoded }]) => `${level} ${cpuSeconds.toFixed(2)} s, ${decoded.toFixed(0)} decoded`).join('; ')} of 1000 pictures`);
    }
    const middle = (of: (round: Record<Level, Window>) => number): number => Number(rounds.map(of).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(3));
    const figures = (Object.keys(LEVELS) as Level[]).flatMap((level) => [
      [`${level}_cpu_s`, middle((round) => round[level].cpuSeconds)], [`${level}_over_all`, middle((round) => round[level].cpuSeconds / round.all.cpuSeconds)],
    ]);
    return { ...Object.fromEntries(figures) as Record<string, number>, reference_decoded_share: middle(({ reference }) => reference.decoded / 1000), clip: clip.content, rounds: ROUNDS };
  } finally {
    for (const folder of [sockets, rings]) rmSync(folder, { recursive: true, force: true });
  }
};
