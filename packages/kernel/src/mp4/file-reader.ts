// Reads what is in a file of a recording, by its own bytes alone, and how much of it is whole. Any bytes are safe, and only
// headers are held in memory.
import { open } from 'node:fs/promises';
import type { FragmentEntry } from '../record/segment.ts';
import { boxHeader, MAX_HEADER_BYTES } from './boxes.ts';
import { describeInit, type InitDescription } from './init-description.ts';
import { fragmentHeader, isSound } from './moof.ts';

export interface FileFragment extends FragmentEntry {
  /** When what begins here was seen, by the node's clock, us UTC; null where the file does not say. */
  readonly wallClockUs: number | null;
  /** Display time in the file's media at which that is. */
  readonly mediaTicks: number | null;
}

export interface RecordedFile {
  /** Null where the file's beginning is damaged: then nothing of it plays. */
  readonly init: InitDescription | null;
  readonly initBytes: number;
  /** Whole ones only, in their order; each begins where that before ends. */
  readonly fragments: readonly FileFragment[];
  /** To the end of the last whole fragment: what to cut the file to. */
  readonly wholeBytes: number;
  readonly bytes: number;
}

/** Bytes of a file, or of what else there is; fewer than asked for at its end. */
export interface ByteSource {
  readonly bytes: number;
  read(offset: number, bytes: number): Promise<Buffer>;
}

/** prft and moof of half a second fit. */
const FIRST_LOOK_BYTES = 4096;
const MAX_MOOF_BYTES = 4 << 20;
const MAX_INIT_BYTES = 1 << 20;
const MAX_FRAGMENT_BYTES = 256 << 20;

/** Throws what `open` and `read` throw. */
export async function readRecordedFile(path: string): Promise<RecordedFile> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  return await scan({
    bytes: size,
    read: async (offset, bytes) => {
      const buffer = Buffer.allocUnsafe(bytes);
      const { bytesRead } = await handle.read(buffer, 0, bytes, offset);
      return buffer.subarray(0, bytesRead);
    },
  });
}

export async function scan(source: ByteSource): Promise<RecordedFile> {
  const { bytes } = source;
  const initBytes = await findInit(source);
  const init = initBytes === 0 ? null : describeInit(await source.read(0, initBytes));
  if (init === null) return { init, initBytes: 0, fragments: [], wholeBytes: 0, bytes };
  const fragments: FileFragment[] = [];
  for (let at = initBytes; at < bytes;) {
    const found = await readFragment(source, at, fragments[0]?.startTicks ?? null);
    if (found === null) break;
    fragments.push(found);
    at += found.bytes;
  }
  // A power cut may have left the place of the last bytes without the bytes.
  for (let last = fragments.at(-1); last; last = fragments.at(-1)) {
    if (isSound(await source.read(last.offset, last.bytes))) break;
    fragments.pop();
  }
  // A file's media begins at 0, whatever its first decode time is.
  const originTicks = fragments[0]?.startTicks ?? 0;
  const last = fragments.at(-1);
  return {
    init, initBytes, bytes, wholeBytes: last ? last.offset + last.bytes : initBytes,
    fragments: originTicks === 0 ? fragments : fragments.map((fragment) => ({ ...fragment, startTicks: fragment.startTicks - originTicks })),
  };
}

/** Bytes of ftyp and moov; 0 where they are not there. */
async function findInit(source: ByteSource): Promise<number> {
  for (let at = 0; at < MAX_INIT_BYTES;) {
    const header = boxHeader(await source.read(at, MAX_HEADER_BYTES), 0);
    if (header === null || header.bytes === 0 || at + header.bytes > Math.min(source.bytes, MAX_INIT_BYTES)) return 0;
    at += header.bytes;
    if (header.type === 'moov') return at;
    if (header.type === 'moof' || header.type === 'mdat') return 0;
  }
  return 0;
}

async function readFragment(source: ByteSource, offset: number, originTicks: number | null): Promise<FileFragment | null> {
  let head = await source.read(offset, FIRST_LOOK_BYTES);
  const prft = boxHeader(head, 0);
  const moofAt = prft?.type === 'prft' ? prft.bytes : 0;
  const moof = boxHeader(head, moofAt);
  if (moof?.type !== 'moof' || moof.bytes === 0 || moof.bytes > MAX_MOOF_BYTES) return null;
  const mdatAt = moofAt + moof.bytes;
  if (mdatAt + MAX_HEADER_BYTES > head.length) head = await source.read(offset, mdatAt + MAX_HEADER_BYTES);
  const mdat = boxHeader(head, mdatAt);
  const bytes = mdatAt + (mdat?.bytes ?? 0);
  if (mdat?.type !== 'mdat' || mdat.bytes === 0 || bytes > MAX_FRAGMENT_BYTES || offset + bytes > source.bytes) return null;
  const header = fragmentHeader(head);
  const [first, last] = [header?.samples[0], header?.samples.at(-1)];
  if (!header || !first || !last || last.offset + last.size > bytes) return null;
  if (originTicks !== null && first.dtsTicks < originTicks) return null;
  return {
    offset, bytes, startTicks: first.dtsTicks, durationTicks: last.dtsTicks + last.durationTicks - first.dtsTicks, keyframe: first.keyframe,
    wallClockUs: header.wallClock?.us ?? null, mediaTicks: header.wallClock?.mediaTicks ?? null,
  };
}
