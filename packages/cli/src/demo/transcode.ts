// Makes a clip that every part of the way can play as it is: MP4, H.264, 8-bit 4:2:0, no reordered pictures, a keyframe
// each second. Uses the FFmpeg inside node-av; no program is needed.
import { Decoder, Demuxer, Encoder, FilterAPI, Muxer, pipeline } from 'node-av/api';
import { AV_CODEC_ID_H264, AV_LOG_ERROR, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, FF_ENCODER_LIBX264 } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { RuthError } from '@ruth/protocol';

const MAX_KEYFRAME_DISTANCE_S = 4;
const CRF = 22;
const PRESET = 'superfast';

export interface TranscodeOptions {
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** FFmpeg filters between decoder and encoder. */
  readonly filter?: string;
  /** Of what comes out of the filter; that of the input unless told. */
  readonly framesPerSecond?: number;
  readonly durationS?: number;
}

/** Whether the clip needs no transcoding. Throws `camera_no_video` where it has none, or is no video at all. */
export async function playsAsItIs(path: string): Promise<boolean> {
  await using demuxer = await openVideo(path);
  const stream = demuxer.video()!;
  const { codecId, format } = stream.codecpar;
  if (codecId !== AV_CODEC_ID_H264 || (format !== AV_PIX_FMT_YUV420P && format !== AV_PIX_FMT_YUVJ420P)) return false;
  const maxDistanceTicks = (MAX_KEYFRAME_DISTANCE_S * stream.timeBase.den) / stream.timeBase.num;
  let lastPts: bigint | null = null;
  let keyframePts: bigint | null = null;
  for await (using packet of demuxer.packets(stream.index)) {
    if (!packet) continue;
    if (lastPts !== null && packet.pts <= lastPts) return false;
    lastPts = packet.pts;
    if (packet.isKeyframe) keyframePts = packet.pts;
    if (keyframePts === null || Number(packet.pts - keyframePts) > maxDistanceTicks) return false;
  }
  return lastPts !== null;
}

/** Writes `target` anew. Throws `camera_no_video`, `cancelled`, or `internal`. */
export async function transcode(path: string, target: string, options: TranscodeOptions): Promise<void> {
  // x264 reports its settings at length otherwise.
  Log.setLevel(AV_LOG_ERROR);
  const assertNotStopped = (): void => { if (options.signal?.aborted) throw new RuthError('cancelled', 'the conversion was stopped'); };
  assertNotStopped();
  await using demuxer = await openVideo(path);
  const stream = demuxer.video()!;
  const rate = stream.avgFrameRate;
  const framesPerSecond = options.framesPerSecond ?? (rate.num > 0 && rate.den > 0 ? rate.num / rate.den : 25);
  const durationS = options.durationS ?? demuxer.duration;
  using decoder = await Decoder.create(stream);
  // H.264 in 4:2:0 has even sizes.
  using filter = FilterAPI.create(options.filter ?? "crop='trunc(iw/2)*2':'trunc(ih/2)*2':0:0,format=yuv420p");
  using encoder = await Encoder.create(FF_ENCODER_LIBX264, {
    decoder, filter, gopSize: Math.max(1, Math.round(framesPerSecond)), maxBFrames: 0, threadCount: 0, options: { preset: PRESET, crf: CRF },
  });
  await using muxer = await Muxer.open(target, { format: 'mp4', input: demuxer });
  const control = pipeline(demuxer, decoder, filter, encoder, muxer, {
    progressInterval: 1000,
    onProgress: ({ time }) => { if (durationS > 0) options.log(`converted ${Math.min(100, Math.round((100 * time) / durationS))} %`); },
  });
  const stop = (): void => control.stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    await control.completion;
  } catch (cause) {
    throw new RuthError('internal', `${path} could not be converted: ${(cause as Error).message}`, { cause });
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
  assertNotStopped();
}

async function openVideo(path: string): Promise<Demuxer> {
  const demuxer = await Demuxer.open(path).catch((cause: unknown) => {
    throw new RuthError('camera_no_video', `${path} is no video that can be read: ${(cause as Error).message}`, { cause });
  });
  if (demuxer.video()) return demuxer;
  await demuxer.close();
  throw new RuthError('camera_no_video', `${path} holds no video`);
}
