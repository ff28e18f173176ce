// Reads a fragment: its samples, its times; and moves it to another place in time. Any bytes are safe: what makes no sense is null.
import { boxes, child, descendant, readUint64, writeUint64, type Box } from './boxes.ts';
import { ntpToWallClock } from './ntp-time.ts';
import { VIDEO_TRACK } from './fragment.ts';

export interface SampleEntry {
  /** In the bytes that were given. */
  readonly offset: number;
  readonly size: number;
  readonly dtsTicks: number;
  /** Display time, from the start of the file's media. */
  readonly ptsTicks: number;
  readonly durationTicks: number;
  readonly keyframe: boolean;
}

export interface FragmentHeader {
  /** Of the moof, in the bytes that were given. */
  readonly moof: Box;
  readonly samples: readonly SampleEntry[];
  readonly wallClock: { readonly us: number; readonly mediaTicks: number } | null;
}

/** A fragment has hardly a hundred. */
const MAX_SAMPLES = 100_000;
const NOT_SYNC = 0x00010000;

/** Of the first fragment in `data`, of which only [prft and] moof need be there; its video samples. Null where that is none. */
export function fragmentHeader(data: Buffer): FragmentHeader | null {
  try {
    let wallClock: FragmentHeader['wallClock'] = null;
    for (const box of boxes(data)) {
      if (box.type === 'prft') wallClock = readPrft(data, box);
      if (box.type === 'moof') {
        const samples = videoSamples(data, box);
        return samples === null ? null : { moof: box, samples, wallClock };
      }
    }
    return null;
  } catch (error) {
    // A number that stands behind the end of its box.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The video samples of one whole fragment. Null where it is not whole, or not one. */
export function samplesOf(fragment: Buffer): readonly SampleEntry[] | null {
  const header = fragmentHeader(fragment);
  if (header === null) return null;
  const mdat = child(fragment, 'mdat', { body: header.moof.end, end: fragment.length });
  if (mdat === null) return null;
  return header.samples.every(({ offset, size }) => offset >= mdat.body && offset + size <= mdat.end) ? header.samples : null;
}

/** Whether every picture of the fragment is made of NAL units: what a power cut left unwritten is not. */
export function isSound(fragment: Buffer): boolean {
  const samples = samplesOf(fragment);
  return samples !== null && samples.length > 0 && samples.every(({ offset, size }) => {
    let at = offset;
    while (at + 4 < offset + size) {
      const bytes = fragment.readUInt32BE(at);
      if (bytes === 0) return false;
      at += 4 + bytes;
    }
    return at === offset + size;
  });
}

/** Moves all fragments in `data` by `offsetTicks`, in place, the clock time that belongs to them included. Nothing gets before 0. */
export function patchDecodeTimes(data: Buffer, offsetTicks: number): void {
  for (const box of boxes(data)) {
    if (box.type === 'prft' && box.end - box.body === 24) move64(data, box.body + 16, offsetTicks);
    if (box.type !== 'moof') continue;
    for (const traf of boxes(data, box.body, box.end)) {
      const tfdt = traf.type === 'traf' ? child(data, 'tfdt', traf) : null;
      if (tfdt !== null && tfdt.end - tfdt.body === 12 && data[tfdt.body] === 1) move64(data, tfdt.body + 4, offsetTicks);
    }
  }
}

function move64(data: Buffer, at: number, offsetTicks: number): void {
  writeUint64(data, Math.max(0, readUint64(data, at) + offsetTicks), at);
}

function readPrft(data: Buffer, { body, end }: Box): FragmentHeader['wallClock'] {
  if (end - body !== 24 || data[body] !== 1) return null;
  return { us: ntpToWallClock({ seconds: data.readUInt32BE(body + 8), fraction: data.readUInt32BE(body + 12) }), mediaTicks: readUint64(data, body + 16) };
}

function videoSamples(data: Buffer, moof: Box): SampleEntry[] | null {
  for (const traf of boxes(data, moof.body, moof.end)) {
    if (traf.type !== 'traf') continue;
    const tfhd = child(data, 'tfhd', traf);
    if (tfhd === null || tfhd.end - tfhd.body < 8 || data.readUInt32BE(tfhd.body + 4) !== VIDEO_TRACK) continue;
    const tfdt = child(data, 'tfdt', traf);
    const trun = descendant(data, traf, 'trun');
    if (tfdt === null || trun === null || tfdt.end - tfdt.body < 8) return null;
    const decodeTicks = data[tfdt.body] === 1 ? readUint64(data, tfdt.body + 4) : data.readUInt32BE(tfdt.body + 4);
    return readTrun(data, trun, moof.start, decodeTicks);
  }
  return null;
}

/** Tables as `fragment` writes them: an entry tells all of its sample. */
function readTrun(data: Buffer, { body, end }: Box, moofStart: number, decodeTicks: number): SampleEntry[] | null {
  if (end - body < 12 || (data.readUInt32BE(body) & 0xffffff) !== 0xf01) return null;
  const count = data.readUInt32BE(body + 4);
  if (count > MAX_SAMPLES || end - body < 12 + count * 16) return null;
  const samples: SampleEntry[] = [];
  let offset = moofStart + data.readInt32BE(body + 8);
  let dtsTicks = decodeTicks;
  for (let at = body + 12; samples.length < count; at += 16) {
    const durationTicks = data.readUInt32BE(at);
    const size = data.readUInt32BE(at + 4);
    samples.push({ offset, size, dtsTicks, ptsTicks: dtsTicks + data.readUInt32BE(at + 12), durationTicks, keyframe: (data.readUInt32BE(at + 8) & NOT_SYNC) === 0 });
    offset += size;
    dtsTicks += durationTicks;
  }
  return samples;
}
