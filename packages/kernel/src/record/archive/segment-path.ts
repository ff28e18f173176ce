// The names of recordings: `<camera>/<YYYY-MM-DD>/<HH>/<start, ms UTC>.mp4`. Nothing else in the folder is ever taken for one.
import { readdirSync, type Dirent } from 'node:fs';
import { isId } from '@ruth/protocol';

const SEGMENT_PATH = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})\/\d{4}-\d\d-\d\d\/\d\d\/(\d{10,16})\.mp4$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const HOUR = /^\d\d$/;

/** Null for what is no recording's name. */
export function parseSegmentPath(file: string): { cameraId: string; startMs: number } | null {
  const match = SEGMENT_PATH.exec(file);
  return match ? { cameraId: match[1]!, startMs: Number(match[2]) } : null;
}

/** Of a file that begins then, us UTC. */
export function segmentPath(cameraId: string, startUs: number): string {
  const startMs = Math.floor(startUs / 1000);
  const iso = new Date(startMs).toISOString();
  return `${cameraId}/${iso.slice(0, 10)}/${iso.slice(11, 13)}/${startMs}.mp4`;
}

/** The cameras that have a folder. */
export function cameraFolders(directory: string): string[] {
  return list(directory).filter((entry) => entry.isDirectory() && isId(entry.name)).map(({ name }) => name).sort();
}

/** A camera's recordings in the order of their names. Links are not followed. */
export function* segmentFiles(directory: string, cameraId: string): Generator<string> {
  for (const day of folders(`${directory}/${cameraId}`, DAY)) {
    for (const hour of folders(`${directory}/${cameraId}/${day}`, HOUR)) {
      const folder = `${cameraId}/${day}/${hour}`;
      yield* list(`${directory}/${folder}`).filter((entry) => entry.isFile()).map(({ name }) => `${folder}/${name}`).filter((file) => parseSegmentPath(file) !== null).sort();
    }
  }
}

const folders = (path: string, pattern: RegExp): string[] => list(path).filter((entry) => entry.isDirectory() && pattern.test(entry.name)).map(({ name }) => name).sort();

function list(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
