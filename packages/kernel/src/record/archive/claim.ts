// What was recorded aside while nobody knew whether another node records, too (`UNCLAIMED`): what no other node has becomes part of the recordings, what another
// one has is deleted, and what nobody knows stays aside. Whatever dies meanwhile, a file is aside, or a recording that repair finds.
import { closeSync, existsSync, fstatSync, fsyncSync, futimesSync, lstatSync, mkdirSync, openSync, readSync, renameSync, rmSync, truncateSync, utimesSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { patchDecodeTimes } from '../../mp4/index.ts';
import { UNCLAIMED } from '../segment.ts';
import { overlap, removeEmpty, spanOf, type AsideSpan } from './aside.ts';
import type { Gap } from './gap-table.ts';
import { adopt, type RepairableStore } from './repair.ts';
import { readSegment, TICKS_TO_US, type WholeSegment } from './recorded-segment.ts';
import { segmentFiles, segmentPath } from './segment-path.ts';

export interface Claimed {
  /** Time that is recorded now and was not, us, oldest first. */
  readonly spans: readonly AsideSpan[];
  /** Gaps that are shorter now, as they are. */
  readonly gaps: readonly Gap[];
  readonly deletedFiles: number;
  /** Still being written, or for the next call. */
  readonly leftFiles: number;
}

/** Each is read whole, for its hash. */
const FILES_AT_ONCE = 32;

/** What is known of what lies aside of a camera; the rest of it stays where it is. */
export interface ClaimDecision {
  /** No other node has it. */
  readonly claim: readonly AsideSpan[];
  /** Another node has it among its recordings. */
  readonly drop: readonly AsideSpan[];
}

function ownOf(store: RepairableStore, { cameraId, startUs, endUs }: WholeSegment): AsideSpan[] {
  return store.segments.spans(cameraId, startUs, endUs).map(({ start, end }) => ({ startUs: start * 1e6, endUs: end * 1e6 }));
}

/** Does what is decided; to be called again while files are left and some were done. */
export async function claimAside(store: RepairableStore, cameraId: string, decision: ClaimDecision): Promise<Claimed> {
  const aside = join(store.directory, UNCLAIMED);
  const spans: AsideSpan[] = [];
  const gaps = new Map<number, Gap>();
  let [deletedFiles, leftFiles, looked] = [0, 0, 0];
  for (const file of segmentFiles(aside, cameraId)) {
    const asked = spanOf(aside, file);
    const read = ![...decision.claim, ...decision.drop].some((span) => overlap(span, asked)) || looked++ >= FILES_AT_ONCE ? { state: 'in_use' } as const : await readSegment(aside, file, true);
    if (read.state === 'in_use') {
      leftFiles++;
      continue;
    }
    const parts = read.state === 'whole' ? divide(aside, read.segment, fatesOf(read.segment, decision, ownOf(store, read.segment))) : [];
    if (parts.length === 0) {
      rmSync(join(aside, file), { force: true });
      deletedFiles++;
    }
    for (const part of parts) {
      if (part.fate === 'wait' || !moveIn(store.directory, part.file)) {
        leftFiles++;
        continue;
      }
      const adopted = await adopt(store, part.file);
      if (adopted.state !== 'whole') continue;
      const { startUs, endUs } = adopted.segment;
      spans.push({ startUs, endUs });
      for (const gap of store.transaction(() => store.gaps.cover(cameraId, startUs, endUs))) gaps.set(gap.startUs, gap);
    }
    removeEmpty(aside, dirname(file));
  }
  return { spans, gaps: [...gaps.values()], deletedFiles, leftFiles };
}

type Fate = 'claim' | 'drop' | 'wait';
interface Run { fate: Fate; readonly from: number; to: number }

/**
 * Of each fragment, joined. What begins a file begins with a keyframe; what is decided of a part of a picture group alone waits for the rest. A fragment goes by its middle: files that follow one
 * another are dated each by itself, so that one may end, by its own clock, some milliseconds after the next begins.
 */
function fatesOf({ startUs, fragments }: WholeSegment, { claim, drop }: ClaimDecision, own: readonly AsideSpan[]): Run[] {
  const fates = fragments.map(({ startTicks, durationTicks }): Fate => {
    const middleUs = startUs + (startTicks + durationTicks / 2) * TICKS_TO_US;
    const isIn = (spans: readonly AsideSpan[]): boolean => spans.some((span) => middleUs >= span.startUs && middleUs < span.endUs);
    return isIn(drop) || isIn(own) ? 'drop' : isIn(claim) ? 'claim' : 'wait';
  });
  for (let at = 0, next; at < fates.length; at = next) {
    next = fragments.findIndex(({ keyframe }, index) => index > at && keyframe);
    if (next < 0) next = fates.length;
    const dropped = fates.indexOf('drop', at);
    const end = dropped < 0 || dropped > next ? next : dropped;
    if (fates.slice(at, end).includes('wait')) fates.fill('wait', at, end);
    fates.fill('drop', end, next);
  }
  const runs: Run[] = [];
  for (const [index, fate] of fates.entries()) {
    const last = runs.at(-1);
    if (last?.fate === fate) last.to = index + 1;
    else runs.push({ fate, from: index, to: index + 1 });
  }
  return runs;
}

/** A file for each run that is not dropped, aside still, the first of them the one that there is. After a crash between, what is left is divided once more, to the same. */
function divide(aside: string, segment: WholeSegment, runs: readonly Run[]): { readonly file: string; readonly fate: Fate }[] {
  const path = join(aside, segment.file);
  const [first] = runs;
  const others = runs.filter((run) => run !== first && run.fate !== 'drop').map((run) => ({ file: copyOut(aside, segment, run), fate: run.fate }));
  if (first?.fate === 'drop') {
    if (others.length > 0) rmSync(path);
    return others;
  }
  const last = segment.fragments[first!.to - 1]!;
  if (last.offset + last.bytes < segment.bytes) {
    const { atime, mtime } = lstatSync(path);
    truncateSync(path, last.offset + last.bytes);
    utimesSync(path, atime, mtime);
    sync(path);
  }
  return [{ file: segment.file, fate: first!.fate }, ...others];
}

/** A file of some fragments; returns its name. Its dates are those that the fragments tell. */
function copyOut(aside: string, { file, cameraId, startUs, initBytes, fragments }: WholeSegment, { from, to }: Run): string {
  const fd = openSync(join(aside, file), 'r');
  try {
    const { mtime } = fstatSync(fd);
    const read = (offset: number, bytes: number): Buffer => {
      const buffer = Buffer.alloc(bytes);
      readSync(fd, buffer, 0, bytes, offset);
      return buffer;
    };
    const name = segmentPath(cameraId, startUs + fragments[from]!.startTicks * TICKS_TO_US);
    const path = join(aside, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    const written = openSync(`${path}.part`, 'w', 0o640);
    try {
      writeSync(written, read(0, initBytes));
      for (const { offset, bytes } of fragments.slice(from, to)) {
        const data = read(offset, bytes);
        patchDecodeTimes(data, -fragments[from]!.startTicks);
        writeSync(written, data);
      }
      futimesSync(written, mtime, mtime);
      fsyncSync(written);
    } finally {
      closeSync(written);
    }
    renameSync(`${path}.part`, path);
    sync(dirname(path));
    return name;
  } finally {
    closeSync(fd);
  }
}

/** False where there is a recording of that name. */
function moveIn(directory: string, file: string): boolean {
  if (existsSync(join(directory, file))) return false;
  mkdirSync(join(directory, dirname(file)), { recursive: true, mode: 0o750 });
  renameSync(join(directory, UNCLAIMED, file), join(directory, file));
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
