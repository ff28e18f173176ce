// Kills what records, again and again, at random moments: single ingest processes, the kernel, all of them at once, and the
// power of the disk under them. After each blow the kernel starts anew, and what was recorded up to the blow is looked
// at. Nothing may be unplayable, no more than a second may be lost, index and files must tell the same.
// RUTH_CHAOS_BLOWS (200) and RUTH_CHAOS_SEED repeat a run. Where the disk's power cannot be cut (no root, no loop devices), the newest
// files lose what they gained in the last half second instead, and `power_cut` says so.
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hdClip } from '../../bench/hd-clip.ts';
import type { Bench } from '../../bench/runner.ts';
import { ClipCamera } from './clip-camera.ts';
import { allDead, KernelRun, killAll } from './kernel-run.ts';
import { PowerCutDisk } from './power-cut-disk.ts';
import { compareIndexWithFiles, play, recordedFiles } from './recording-check.ts';
import { seededRun } from './seeded-run.ts';

const CAMERAS = ['north', 'east', 'south', 'west'];
const SEGMENT_S = 3;
const CLIP_FPS = 25;
const LOSS_LIMIT_S = 1;
/** About half a second of the clip. */
const UNSYNCED_BYTES = 50_000;
const BLOWS = ['ingest', 'kernel', 'all', 'power'] as const;
type Blow = (typeof BLOWS)[number];

interface Loss { readonly blow: Blow; readonly camera: string; readonly lostS: number; readonly atS: number }

export const bench: Bench = async (report) => {
  const { blows: wanted, seed, random } = seededRun(200);
  const clip = await hdClip(640, 360);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const rings = mkdtempSync('/dev/shm/ruth-chaos-');
  using disk = PowerCutDisk.make();
  const recordings = join(disk?.path ?? folder, 'recordings');
  const losses: Loss[] = [];
  const mismatches: string[] = [];
  const resumedMs: number[] = [];
  let kills = 0;
  report(`seed ${seed}; ${disk ? 'the disk is a file system whose power is cut' : 'the power of the disk cannot be cut here: files are truncated instead'}`);
  try {
    await using camera = await ClipCamera.start(clip.path);
    const start = (): KernelRun => new KernelRun({ url: camera.url, cameraIds: CAMERAS, socketDirectory: folder, ringDirectory: rings, recordings, segmentS: SEGMENT_S });
    let kernel = start();
    try {
      while (kills < wanted) {
        await kernel.recording(Date.now() / 1000);
        await delay(600 + random() * 2500);
        const blow = BLOWS[Math.floor(random() * BLOWS.length)]!;
        const children = (await kernel.cameras()).filter(({ pid }) => pid !== null);
        const hit = blow === 'ingest' ? children.filter(() => random() < 0.7) : children;
        if (hit.length === 0) continue;
        const pids = hit.map(({ pid }) => pid!);
        const [atS, newest] = [Date.now() / 1000, camera.newest];
        await killAll(blow === 'ingest' ? pids : blow === 'kernel' ? [kernel.pid] : [kernel.pid, ...pids]);
        const struckMs = performance.now();
        kills += blow === 'ingest' ? hit.length : 1;
        if (blow !== 'ingest') {
          // The children of a kernel that is gone end by themselves, and finish what they were writing.
          await allDead(pids);
          if (blow === 'power') cutPower(disk, recordings, random);
          await kernel[Symbol.asyncDispose]();
          kernel = start();
        }
        await kernel.recording(atS + 0.5);
        resumedMs.push(performance.now() - struckMs);
        for (const { camera_id: id } of hit) losses.push({ blow, camera: id, atS, lostS: await camera.behind(join(recordings, lastFileBefore(recordings, id, atS)), newest) });
        const worst = Math.max(0, ...losses.filter((loss) => loss.atS === atS).map(({ lostS }) => lostS));
        report(`blow ${kills} of ${wanted}: ${blow}, most lost ${worst.toFixed(2)} s, recording again after ${Math.round(resumedMs.at(-1)!)} ms`);
        if (worst > LOSS_LIMIT_S) report(`  LOST: ${JSON.stringify(losses.filter((loss) => loss.atS === atS))}`);
      }
    } finally {
      await kernel[Symbol.asyncDispose]();
    }
    mismatches.push(...compareIndexWithFiles(recordings));
    for (const mismatch of mismatches) report(`  MISMATCH: ${mismatch}`);
    const played = await playAll(recordings, report);
    const lost = losses.map(({ lostS }) => lostS).sort((a, b) => a - b);
    return {
      blows: kills, by_kind: Object.fromEntries(BLOWS.map((kind) => [kind, new Set(losses.filter(({ blow }) => blow === kind).map(({ atS }) => atS)).size])),
      unplayable: played.unplayable, lost_over_1s: lost.filter((seconds) => seconds > LOSS_LIMIT_S).length, index_mismatch: mismatches.length,
      lost_p50_s: round3(lost[Math.floor(lost.length / 2)] ?? 0), lost_max_s: round3(lost.at(-1) ?? 0),
      holes_in_files: played.holes, files: played.files, pictures: played.pictures, resumed_p50_ms: Math.round(resumedMs.sort((a, b) => a - b)[Math.floor(resumedMs.length / 2)]!),
      power_cut: disk ? 'file system shut down without a flush' : 'simulated by truncation', cameras: CAMERAS.length, seed,
    };
  } finally {
    for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true });
  }
};

/** What was being written at that time, or had just been ended. */
function lastFileBefore(recordings: string, cameraId: string, atS: number): string {
  const startMs = (file: string): number => Number(/(\d+)\.mp4$/.exec(file)![1]);
  const files = recordedFiles(recordings).filter((file) => file.startsWith(`${cameraId}/`) && startMs(file) < atS * 1000);
  const last = files.sort((a, b) => startMs(a) - startMs(b)).at(-1);
  if (last === undefined) throw new Error(`nothing of ${cameraId} was recorded before ${atS}`);
  return last;
}

function cutPower(disk: PowerCutDisk | null, recordings: string, random: () => number): void {
  if (disk) return disk.cut();
  const newest = new Map<string, string>();
  for (const file of recordedFiles(recordings).sort()) newest.set(file.split('/')[0]!, file);
  for (const file of newest.values()) {
    const path = join(recordings, file);
    const { size } = statSync(path);
    truncateSync(path, Math.max(0, Math.floor(size - random() * UNSYNCED_BYTES)));
  }
}

async function playAll(recordings: string, report: (line: string) => void): Promise<{ files: number; pictures: number; unplayable: number; holes: number }> {
  const total = { files: 0, pictures: 0, unplayable: 0, holes: 0 };
  for (const file of recordedFiles(recordings)) {
    total.files++;
    try {
      const { pictures, largestStepS } = await play(join(recordings, file));
      total.pictures += pictures;
      if (largestStepS > 1.5 / CLIP_FPS) {
        total.holes++;
        report(`  HOLE: ${file} has a step of ${largestStepS.toFixed(3)} s`);
      }
    } catch (error) {
      total.unplayable++;
      report(`  UNPLAYABLE: ${(error as Error).message}`);
    }
  }
  return total;
}

const round3 = (value: number): number => Number(value.toFixed(3));
