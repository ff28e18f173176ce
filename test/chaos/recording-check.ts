// Looks at a folder of recordings from outside, with nothing of the kernel's: whether index and files tell the same, and
// whether every file plays, picture after picture.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Decoder, Demuxer } from 'node-av/api';
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';

interface Row { readonly camera: string; readonly file: string; readonly bytes: number; readonly sha256: string; readonly start_us: number; readonly end_us: number }

/** What does not fit together, each as a sentence. No kernel may be running. */
export function compareIndexWithFiles(directory: string): string[] {
  using index = new DatabaseSync(join(directory, 'index.sqlite'), { readOnly: true });
  const rows = index.prepare('SELECT camera, file, bytes, sha256, start_us, end_us FROM segments ORDER BY camera, start_us').all() as unknown as Row[];
  const files = new Set(recordedFiles(directory));
  const wrong: string[] = [];
  for (const [at, row] of rows.entries()) {
    const before = rows[at - 1];
    if (before?.camera === row.camera && before.end_us > row.start_us) wrong.push(`${row.file} begins before ${before.file} ends`);
    if (!files.delete(row.file)) wrong.push(`${row.file} is in the index and not on the disk`);
    else if (statSync(join(directory, row.file)).size !== row.bytes) wrong.push(`${row.file} has another size than the index says`);
    else if (createHash('sha256').update(readFileSync(join(directory, row.file))).digest('hex') !== row.sha256) wrong.push(`${row.file} has another hash than the index says`);
  }
  for (const file of files) wrong.push(`${file} is on the disk and not in the index`);
  return wrong;
}

/** Relative paths of every recording. */
export function recordedFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => /^[^/]+\/\d{4}-\d\d-\d\d\/.*\.mp4$/.test(file));
}

/** Decodes all of a file. Throws where it does not play; returns how many pictures, and the largest step from one to the next in seconds. */
export async function play(path: string): Promise<{ pictures: number; largestStepS: number }> {
  Log.setLevel(AV_LOG_QUIET);
  await using demuxer = await Demuxer.open(path);
  const video = demuxer.video();
  if (!video) throw new Error(`${path} has no video`);
  using decoder = await Decoder.create(video);
  let pictures = 0;
  let last: number | null = null;
  let largestStepS = 0;
  const { num, den } = video.timeBase;
  for await (using frame of decoder.frames(demuxer.packets(video.index))) {
    if (!frame) continue;
    if (frame.decodeErrorFlags !== 0) throw new Error(`${path}: picture ${pictures} is damaged`);
    const timeS = Number(frame.pts) * num / den;
    if (last !== null) largestStepS = Math.max(largestStepS, timeS - last);
    last = timeS;
    pictures++;
  }
  if (pictures === 0) throw new Error(`${path} has no picture`);
  return { pictures, largestStepS };
}
