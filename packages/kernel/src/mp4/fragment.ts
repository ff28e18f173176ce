// Writes one fragment of an MP4: when it was (prft), what is in it (moof), and the samples (mdat).
//
//   prft  which instant of the wall clock belongs to which time of the media; left out of live video
//   moof  mfhd (sequence), traf of the video (tfhd, tfdt, trun), traf of the sound where there is some
//   mdat  the pictures' NAL units, each behind its length in 4 bytes; then the frames of sound
import { wallClockToNtp } from './ntp-time.ts';
import { writeUint64 } from './boxes.ts';

export const VIDEO_TRACK = 1;
export const AUDIO_TRACK = 2;

export interface VideoSample {
  /** Without start codes. */
  readonly nals: readonly Buffer[];
  readonly durationTicks: number;
  /** Display time less decode time, not negative. */
  readonly compositionTicks: number;
  readonly keyframe: boolean;
}

export interface AudioSample {
  readonly data: Buffer;
  readonly durationTicks: number;
}

export interface Track<Sample> {
  /** Decode time of the first sample, from the start of the media. */
  readonly decodeTicks: number;
  readonly samples: readonly Sample[];
}

export interface FragmentContents {
  /** Grows from fragment to fragment. */
  readonly sequence: number;
  readonly video: Track<VideoSample>;
  readonly audio?: Track<AudioSample>;
  /** The instant at which `mediaTicks` of the video is displayed. */
  readonly wallClock?: { readonly us: number; readonly mediaTicks: number };
}

const typeOf = (name: string): number => Buffer.from(name, 'latin1').readUInt32BE();
const [PRFT, MOOF, MFHD, TRAF, TFHD, TFDT, TRUN, MDAT] = ['prft', 'moof', 'mfhd', 'traf', 'tfhd', 'tfdt', 'trun', 'mdat'].map(typeOf) as [number, number, number, number, number, number, number, number];
const PRFT_BYTES = 32;
const MFHD_BYTES = 16;
const TFHD_BYTES = 16;
const TFDT_BYTES = 20;
const TRUN_HEADER_BYTES = 20;
const VIDEO_ENTRY_BYTES = 16;
const AUDIO_ENTRY_BYTES = 8;
/** prft: the time is that of capture. */
const CAPTURED = 24;
const DEFAULT_BASE_IS_MOOF = 0x020000;
const TRUN_VIDEO = 0x000f01;
const TRUN_AUDIO = 0x000301;
const SYNC_SAMPLE = 0x02000000;
const OTHER_SAMPLE = 0x01010000;

const trafBytes = (samples: number, entryBytes: number): number => 8 + TFHD_BYTES + TFDT_BYTES + TRUN_HEADER_BYTES + samples * entryBytes;

const sizeOf = (sample: VideoSample): number => {
  let bytes = 0;
  for (const nal of sample.nals) bytes += 4 + nal.length;
  return bytes;
};

/** A fragment in one piece. All times in ticks of 1/90000 s, sound included. */
export const fragment = (contents: FragmentContents): Buffer => Buffer.concat(fragmentParts(contents));

/** The same in many pieces, which follow each other: the samples themselves are not copied. */
export function fragmentParts({ sequence, video, audio, wallClock }: FragmentContents): Buffer[] {
  const sizes = video.samples.map(sizeOf);
  const sound = audio !== undefined && audio.samples.length > 0 ? audio : null;
  const videoBytes = sizes.reduce((sum, size) => sum + size, 0);
  const audioBytes = sound?.samples.reduce((sum, { data }) => sum + data.length, 0) ?? 0;
  const prftBytes = wallClock ? PRFT_BYTES : 0;
  const moofBytes = 8 + MFHD_BYTES + trafBytes(sizes.length, VIDEO_ENTRY_BYTES) + (sound ? trafBytes(sound.samples.length, AUDIO_ENTRY_BYTES) : 0);
  const lengths = 4 * video.samples.reduce((sum, { nals }) => sum + nals.length, 0);
  const out = Buffer.allocUnsafe(prftBytes + moofBytes + 8 + lengths);

  let at = 0;
  if (wallClock) {
    at = header(out, at, PRFT_BYTES, PRFT, 1, CAPTURED);
    at = out.writeUInt32BE(VIDEO_TRACK, at);
    const { seconds, fraction } = wallClockToNtp(wallClock.us);
    at = out.writeUInt32BE(fraction, out.writeUInt32BE(seconds, at));
    at = writeUint64(out, wallClock.mediaTicks, at);
  }
  at = plainHeader(out, at, moofBytes, MOOF);
  at = header(out, at, MFHD_BYTES, MFHD, 0, 0);
  at = out.writeUInt32BE(sequence >>> 0, at);
  at = traf(out, at, VIDEO_TRACK, video, VIDEO_ENTRY_BYTES, TRUN_VIDEO, moofBytes + 8);
  for (const [index, { durationTicks, keyframe, compositionTicks }] of video.samples.entries()) {
    at = out.writeUInt32BE(durationTicks, at);
    at = out.writeUInt32BE(sizes[index]!, at);
    at = out.writeUInt32BE(keyframe ? SYNC_SAMPLE : OTHER_SAMPLE, at);
    at = out.writeUInt32BE(compositionTicks, at);
  }
  if (sound) {
    at = traf(out, at, AUDIO_TRACK, sound, AUDIO_ENTRY_BYTES, TRUN_AUDIO, moofBytes + 8 + videoBytes);
    for (const { durationTicks, data } of sound.samples) at = out.writeUInt32BE(data.length, out.writeUInt32BE(durationTicks, at));
  }
  at = plainHeader(out, at, 8 + videoBytes + audioBytes, MDAT);
  // Each length goes out with what stands before it.
  const parts: Buffer[] = [];
  let from = 0;
  for (const { nals } of video.samples) {
    for (const nal of nals) {
      at = out.writeUInt32BE(nal.length, at);
      parts.push(out.subarray(from, at), nal);
      from = at;
    }
  }
  for (const { data } of sound?.samples ?? []) parts.push(data);
  return parts;
}

/** Up to the table of samples. */
function traf(out: Buffer, start: number, track: number, { decodeTicks, samples }: Track<unknown>, entryBytes: number, flags: number, dataOffset: number): number {
  let at = plainHeader(out, start, trafBytes(samples.length, entryBytes), TRAF);
  at = header(out, at, TFHD_BYTES, TFHD, 0, DEFAULT_BASE_IS_MOOF);
  at = out.writeUInt32BE(track, at);
  at = header(out, at, TFDT_BYTES, TFDT, 1, 0);
  at = writeUint64(out, decodeTicks, at);
  at = header(out, at, TRUN_HEADER_BYTES + samples.length * entryBytes, TRUN, 0, flags);
  at = out.writeUInt32BE(samples.length, at);
  return out.writeUInt32BE(dataOffset, at);
}

function plainHeader(out: Buffer, at: number, bytes: number, type: number): number {
  return out.writeUInt32BE(type, out.writeUInt32BE(bytes, at));
}

function header(out: Buffer, at: number, bytes: number, type: number, version: number, flags: number): number {
  return out.writeUInt32BE(version * 2 ** 24 + flags, plainHeader(out, at, bytes, type));
}
