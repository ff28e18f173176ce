// What was recorded aside while nobody knew whether another node records, too (`UNCLAIMED`): once that is known it becomes part of the recordings,
// up to where another node began, and the rest is deleted. Whatever dies meanwhile, a file is aside, or a recording that repair finds.
import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UnclaimedFiles } from '@ruth/protocol';
import { UNCLAIMED } from '../segment.ts';
import type { Gap } from './gap-table.ts';
import { adopt, type RepairableStore } from './repair.ts';
import { readSegment, TICKS_TO_US, type WholeSegment } from './recorded-segment.ts';
import { cameraFolders, parseSegmentPath, segmentFiles } from './segment-path.ts';

export interface Claimed {
  /** Time that is recorded now and was not, us, oldest first. */
  readonly spans: readonly { readonly startUs: number; readonly endUs: number }[];
  /** Gaps that are shorter now, as they are. */
  readonly gaps: readonly Gap[];
  readonly deletedFiles: number;
  /** Still being written, or for the next call. */
  readonly leftFiles: number;
}

/** Each is read whole, for its hash. */
const FILES_AT_ONCE = 32;

/** Cameras of which something lies aside, and when the first of it began, ms UTC. */
export function unclaimedCameras(directory: string): Record<string, number> {
  const aside = join(directory, UNCLAIMED);
  return Object.fromEntries(cameraFolders(aside).flatMap((id) => {
    for (const first of segmentFiles(aside, id)) return [[id, parseSegmentPath(first)!.startMs]];
    return [];
  }));
}

/** All that lies aside, of each camera; empty where nothing does. Looks at each file. */
export function unclaimedFiles(directory: string): Record<string, Omit<UnclaimedFiles, 'cameras'>> {
  const aside = join(directory, UNCLAIMED);
  return Object.fromEntries(cameraFolders(aside).flatMap((id) => {
    const files = [...segmentFiles(aside, id)];
    const bytes = files.reduce((sum, file) => sum + (lstatSync(join(aside, file), { throwIfNoEntry: false })?.size ?? 0), 0);
    return files.length === 0 ? [] : [[id, { files: files.length, bytes, since: parseSegmentPath(files[0]!)!.startMs / 1000 }]];
  }));
}

/** Claims what lies before `untilUs`; to be called again while files are left and some were done. */
export async function claimAside(store: RepairableStore, cameraId: string, untilUs: number): Promise<Claimed> {
  const aside = join(store.directory, UNCLAIMED);
  const files = [...segmentFiles(aside, cameraId)];
  const spans: { startUs: number; endUs: number }[] = [];
  const gaps = new Map<number, Gap>();
  let [deletedFiles, leftFiles] = [0, Math.max(0, files.length - FILES_AT_ONCE)];
  for (const file of files.slice(0, FILES_AT_ONCE)) {
    const read = parseSegmentPath(file)!.startMs * 1000 < untilUs ? await readSegment(aside, file, true) : { state: 'not ours' } as const;
    if (read.state === 'in_use') {
      leftFiles++;
      continue;
    }
    const bytes = read.state === 'whole' ? bytesBefore(read.segment, untilUs) : 0;
    if (bytes === 0 || !moveIn(store.directory, file, bytes)) {
      rmSync(join(aside, file), { force: true });
      deletedFiles++;
    } else {
      const adopted = await adopt(store, file);
      if (adopted.state !== 'whole') continue;
      const { startUs, endUs } = adopted.segment;
      spans.push({ startUs, endUs });
      for (const gap of store.transaction(() => store.gaps.cover(cameraId, startUs, endUs))) gaps.set(gap.startUs, gap);
    }
    removeEmpty(aside, dirname(file));
  }
  return { spans, gaps: [...gaps.values()], deletedFiles, leftFiles };
}

/** Of the whole fragments that end before. */
function bytesBefore({ startUs, fragments }: WholeSegment, untilUs: number): number {
  const last = fragments.findLast(({ startTicks, durationTicks }) => startUs + (startTicks + durationTicks) * TICKS_TO_US <= untilUs);
  return last ? last.offset + last.bytes : 0;
}

/** False where there is a recording of that name. Cut before it is moved: a crash leaves nothing that is too long among the recordings. */
function moveIn(directory: string, file: string, bytes: number): boolean {
  if (existsSync(join(directory, file))) return false;
  const from = join(directory, UNCLAIMED, file);
  truncateSync(from, bytes);
  sync(from);
  mkdirSync(join(directory, dirname(file)), { recursive: true, mode: 0o750 });
  renameSync(from, join(directory, file));
  sync(join(directory, dirname(file)));
  return true;
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The folders of an hour, its day and its camera; one that is in use is not empty for long. */
function removeEmpty(aside: string, folder: string): void {
  try {
    for (let path = folder; path !== '.'; path = dirname(path)) rmdirSync(join(aside, path));
  } catch {
    // Others are in it.
  }
}
