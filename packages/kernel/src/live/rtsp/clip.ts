// A video file in memory, and its endless timeline: which picture is due when, without end, gap or drift.
import { Demuxer } from 'node-av/api';
import { AV_CODEC_ID_H264, AV_CODEC_ID_HEVC } from 'node-av/constants';
import { RuthError } from '@ruth/protocol';
import type { AccessUnit, VideoDescription } from './media-source.ts';
import { isParameterSet, parseExtradata, splitByteStream, splitSample } from '../../media/nal-units.ts';

const MAX_CLIP_BYTES = 512 * 1024 * 1024;

interface ClipUnit {
  readonly nals: readonly Buffer[];
  readonly keyframe: boolean;
  /** From the clip's first picture shown. Decoding times begin at or below 0 where pictures are reordered. */
  readonly ptsUs: number;
  readonly dtsUs: number;
}

export interface Clip {
  readonly video: VideoDescription;
  /** In decoding order; the first is a keyframe. */
  readonly units: readonly ClipUnit[];
  readonly durationUs: number;
}

/** Reads the first video track. Throws `not_found`, `camera_no_video` (no H.264 or H.265), `stream_corrupt`, or `no_space` above 512 MiB. */
export async function readClip(path: string): Promise<Clip> {
  await using demuxer = await Demuxer.open(path).catch((cause: unknown) => {
    throw new RuthError('not_found', `${path} cannot be opened as a video: ${(cause as Error).message}`, { cause });
  });
  const stream = demuxer.video();
  const codecId = stream?.codecpar.codecId;
  if (!stream || (codecId !== AV_CODEC_ID_H264 && codecId !== AV_CODEC_ID_HEVC)) {
    throw new RuthError('camera_no_video', `${path} holds no H.264 or H.265 video`);
  }
  const codec = codecId === AV_CODEC_ID_H264 ? 'h264' : 'hevc';
  const configuration = parseExtradata(codec, stream.codecpar.extradata ?? Buffer.alloc(0));
  const split = (data: Buffer): Buffer[] => configuration.lengthBytes === 0 ? splitByteStream(data) : splitSample(data, configuration.lengthBytes);
  const { num, den } = stream.timeBase;
  const microseconds = (ticks: bigint): number => (Number(ticks) * 1e6 * num) / den;
  const units: ClipUnit[] = [];
  let bytes = 0;
  let endUs = 0;
  let lastDurationUs = 0;
  for await (using packet of demuxer.packets(stream.index)) {
    if (!packet?.data) continue;
    bytes += packet.size;
    if (bytes > MAX_CLIP_BYTES) throw new RuthError('no_space', `${path} is larger than ${MAX_CLIP_BYTES} bytes; use a shorter clip`);
    if (units.length === 0 && !packet.isKeyframe) continue;
    const ptsUs = microseconds(packet.pts);
    lastDurationUs = microseconds(packet.duration);
    endUs = Math.max(endUs, ptsUs + lastDurationUs);
    units.push({ nals: split(Buffer.from(packet.data)), keyframe: packet.isKeyframe, ptsUs, dtsUs: microseconds(packet.dts) });
  }
  if (units.length === 0) throw new RuthError('camera_no_video', `${path} holds no picture that a decoder can begin at`);
  const startUs = units.reduce((least, unit) => Math.min(least, unit.ptsUs), Infinity);
  const frameRate = stream.avgFrameRate.den > 0 && stream.avgFrameRate.num > 0 ? stream.avgFrameRate.num / stream.avgFrameRate.den : null;
  const parameterSets = configuration.parameterSets.length > 0
    ? configuration.parameterSets
    : units[0]!.nals.filter((nal) => isParameterSet(codec, nal));
  return {
    video: { codec, parameterSets, frameRate },
    units: units.map((unit) => ({ ...unit, ptsUs: unit.ptsUs - startUs, dtsUs: unit.dtsUs - startUs })),
    // A container without durations still has a distance between its pictures.
    durationUs: endUs - startUs + (lastDurationUs > 0 ? 0 : (endUs - startUs) / Math.max(1, units.length - 1)),
  };
}

/** The n-th picture of the clip's endless repetition: when it is due from the start, and the unit with its running time. */
export function unitAt(clip: Clip, n: number): { dueUs: number; unit: AccessUnit } {
  const loop = Math.floor(n / clip.units.length);
  const { nals, keyframe, ptsUs, dtsUs } = clip.units[n % clip.units.length]!;
  const offsetUs = loop * clip.durationUs;
  return { dueUs: offsetUs + dtsUs - clip.units[0]!.dtsUs, unit: { nals, keyframe, ptsUs: offsetUs + ptsUs } };
}
