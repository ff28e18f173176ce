// Makes index and files tell the same again after a crash. It lists every file and reads only those that the index does not know
// or knows with another size; to look into all of them is `ruth verify`.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { GapTable } from './gap-table.ts';
import { readSegment, type WholeSegment } from './recorded-segment.ts';
import type { IndexedSegment, SegmentIndex, Usage } from './segment-index.ts';
import { cameraFolders, parseSegmentPath, segmentFiles } from './segment-path.ts';

/** What repair works on: the folder and its index. */
export interface RepairableStore {
  readonly directory: string;
  readonly segments: SegmentIndex;
  readonly gaps: GapTable;
  usage(): ReadonlyMap<string, Usage>;
  get(file: string): IndexedSegment | null;
  /** False where another file of the camera has part of its time. */
  put(segment: WholeSegment): boolean;
  delete(files: readonly string[], nowUs: number): { readonly files: readonly unknown[] };
  transaction<T>(change: () => T): T;
}

export type Adopted =
  | { readonly state: 'whole'; readonly segment: WholeSegment; readonly cutBytes: number }
  /** `empty`: deleted, it held no whole picture group. `damaged`: moved aside. */
  | { readonly state: 'in_use' | 'empty' | 'damaged' | 'gone' };

export interface RepairReport {
  /** What was found and put right, by kind. */
  readonly counts: Readonly<Record<RepairKind, number>>;
  /** Still being written by a recorder of a kernel that is gone. */
  readonly inUse: readonly string[];
}
export type RepairKind = 'files' | 'files_without_row' | 'rows_without_file' | 'wrong_size' | 'cut' | 'cut_bytes' | 'empty' | 'damaged' | 'in_use' | 'deletions_finished';

/** Where files go that are no recordings and were to be some. */
const ASIDE = 'damaged';
const MOST_ASIDE = 100;
/** Of each camera, the newest are looked at for their size: a power cut takes from them. */
const NEWEST = 64;
/** A recorder whose kernel is gone ends what it writes within this. */
const IN_USE_LIMIT_MS = 5000;
const IN_USE_LOOK_MS = 50;
const CONTINUES_WITHIN_US = 1000;

export async function repair(store: RepairableStore, nowUs: number): Promise<RepairReport> {
  const { directory, segments } = store;
  const counts: Record<RepairKind, number> = { files: 0, files_without_row: 0, rows_without_file: 0, wrong_size: 0, cut: 0, cut_bytes: 0, empty: 0, damaged: 0, in_use: 0, deletions_finished: 0 };
  const unfinished = segments.deleting();
  if (unfinished.length > 0) counts.deletions_finished = store.delete(unfinished, nowUs).files.length;

  const toRead: string[] = [];
  for (const cameraId of new Set([...cameraFolders(directory), ...store.usage().keys()])) {
    const known = new Set<string>();
    const missing: string[] = [];
    const files = new Set<string>();
    for (const file of segmentFiles(directory, cameraId)) files.add(file);
    for (const { file } of segments.files(cameraId)) {
      if (files.has(file)) known.add(file);
      else missing.push(file);
    }
    counts.files += files.size;
    for (const file of files) {
      if (known.has(file)) continue;
      toRead.push(file);
      counts.files_without_row++;
    }
    for (const file of missing) forgetMissing(store, cameraId, file);
    counts.rows_without_file += missing.length;
    for (const { file, bytes } of segments.newest(cameraId, NEWEST)) {
      if (statSync(join(directory, file)).size === bytes) continue;
      toRead.push(file);
      counts.wrong_size++;
    }
  }

  const endMs = performance.now() + IN_USE_LIMIT_MS;
  const inUse: string[] = [];
  for (const file of toRead.sort()) {
    let adopted = await adopt(store, file);
    while (adopted.state === 'in_use' && performance.now() < endMs) {
      await delay(IN_USE_LOOK_MS);
      adopted = await adopt(store, file);
    }
    if (adopted.state === 'in_use') inUse.push(file);
    if (adopted.state === 'whole') {
      counts.cut += Number(adopted.cutBytes > 0);
      counts.cut_bytes += adopted.cutBytes;
    } else if (adopted.state !== 'gone') counts[adopted.state]++;
  }
  return { counts, inUse };
}

/** Takes a file into the index as its own bytes tell it, cut to what is whole. Its time ends where that of its neighbours begins. */
export async function adopt(store: RepairableStore, file: string): Promise<Adopted> {
  const { directory, segments } = store;
  const read = await readSegment(directory, file, true).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return { state: 'gone' } as const;
    throw error;
  });
  if (read.state === 'in_use') return read;
  if (read.state === 'whole') {
    const { segment, cutBytes } = read;
    const { before, after } = segments.neighbours(segment);
    const startUs = Math.max(segment.startUs, before?.endUs ?? 0);
    const fitted = { ...segment, startUs, endUs: Math.min(segment.endUs, after?.startUs ?? Infinity), continues: before !== null && startUs - before.endUs <= CONTINUES_WITHIN_US };
    if (fitted.endUs > startUs && store.put(fitted)) return { state: 'whole', segment: fitted, cutBytes };
  }
  segments.remove([file]);
  if (read.state === 'empty') rmSync(join(directory, file), { force: true });
  else if (read.state !== 'gone') moveAside(directory, file);
  return { state: read.state === 'whole' ? 'damaged' : read.state };
}

/** A row whose file is gone. What lay between others is missing now; what was the oldest was to go next anyway. */
export function forgetMissing(store: RepairableStore, cameraId: string, file: string): void {
  const segment = store.get(file);
  store.transaction(() => {
    store.segments.remove([file]);
    if (segment && store.segments.neighbours(segment).before !== null) store.gaps.put(cameraId, { startUs: segment.startUs, endUs: segment.endUs, cause: 'damaged', message: `${file} is gone` });
  });
}

export function moveAside(directory: string, file: string): void {
  const aside = join(directory, ASIDE);
  mkdirSync(aside, { recursive: true, mode: 0o750 });
  renameSync(join(directory, file), join(aside, `${parseSegmentPath(file)!.cameraId}-${basename(file)}`));
  const names = readdirSync(aside).filter((name) => name.endsWith('.mp4')).map((name) => ({ path: join(aside, name), atMs: statSync(join(aside, name)).mtimeMs }));
  for (const { path } of names.sort((a, b) => b.atMs - a.atMs).slice(MOST_ASIDE)) rmSync(path, { force: true });
}
