// What lies aside, in no index (`UNCLAIMED`): which files of which cameras, and from when to when. What becomes of it is decided elsewhere (`claim.ts`); what is too old for it, or
// finds no room any more, goes as recordings do (`retention.ts`).
import { closeSync, lstatSync, openSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UnclaimedFiles } from '@ruth/protocol';
import { lockFile } from '@ruth/transport';
import { UNCLAIMED } from '../segment.ts';
import { cameraFolders, parseSegmentPath, segmentFiles } from './segment-path.ts';

/** Microseconds UTC, `endUs` not in it. */
export interface AsideSpan { readonly startUs: number; readonly endUs: number }

/** `file`: relative to the folder of the recordings, as theirs are. */
export interface AsideFile extends AsideSpan { readonly cameraId: string; readonly file: string; readonly bytes: number }

/** What was written just now may be about to be locked by the recorder that writes it. */
const BEING_WRITTEN_MS = 10_000;

/** Cameras of which something lies aside, and from when to when. */
export function unclaimedCameras(directory: string): Record<string, AsideSpan> {
  const aside = join(directory, UNCLAIMED);
  return Object.fromEntries(cameraFolders(aside).flatMap((id) => {
    const files = [...segmentFiles(aside, id)];
    return files.length === 0 ? [] : [[id, { startUs: spanOf(aside, files[0]!).startUs, endUs: spanOf(aside, files.at(-1)!).endUs }]];
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

/** What lies aside of a camera between these, file by file, as their names and dates say: not looked into. */
export function asideSpans(directory: string, cameraId: string, startUs: number, endUs: number): AsideSpan[] {
  const aside = join(directory, UNCLAIMED);
  return [...segmentFiles(aside, cameraId)].map((file) => spanOf(aside, file)).filter((span) => overlap(span, { startUs, endUs }));
}

/** Of a file in the folder of what lies aside, as its name and its date say. Not looked into. */
export function spanOf(aside: string, file: string): AsideSpan {
  const startUs = parseSegmentPath(file)!.startMs * 1000;
  return { startUs, endUs: Math.max(startUs + 1, (lstatSync(join(aside, file), { throwIfNoEntry: false })?.mtimeMs ?? 0) * 1000) };
}

export const overlap = (one: AsideSpan, other: AsideSpan): boolean => one.startUs < other.endUs && one.endUs > other.startUs;

/** All that may be deleted, oldest first of each camera: not what a recorder is writing. */
export function asideFiles(directory: string): AsideFile[] {
  const aside = join(directory, UNCLAIMED);
  return cameraFolders(aside).flatMap((cameraId) => {
    const files = [...segmentFiles(aside, cameraId)];
    if (files.length > 0 && isBeingWritten(join(aside, files.at(-1)!))) files.pop();
    return files.map((file) => ({ cameraId, file: join(UNCLAIMED, file), ...spanOf(aside, file), bytes: sizeOf(join(aside, file)) }));
  });
}

export const isAside = (file: string): boolean => file.startsWith(`${UNCLAIMED}/`);

/** Returns its bytes. Throws what the disk throws. */
export function deleteAside(directory: string, file: string): number {
  const bytes = sizeOf(join(directory, file));
  rmSync(join(directory, file), { force: true });
  removeEmpty(join(directory, UNCLAIMED), dirname(file.slice(UNCLAIMED.length + 1)));
  return bytes;
}

/** The folders of an hour, its day and its camera; one that is in use is not empty for long. */
export function removeEmpty(aside: string, folder: string): void {
  try {
    for (let path = folder; path !== '.'; path = dirname(path)) rmdirSync(join(aside, path));
  } catch {
    // Others are in it.
  }
}

const sizeOf = (path: string): number => lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;

function isBeingWritten(path: string): boolean {
  const { mtimeMs } = lstatSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
  if (mtimeMs > Date.now() - BEING_WRITTEN_MS) return true;
  const fd = openSync(path, 'r');
  try {
    // A recorder holds a lock on what it writes, for as long as it lives.
    return !lockFile(fd);
  } finally {
    closeSync(fd);
  }
}
