// Learns what a stream is by decoding one keyframe of it: the decoder itself says size and reorder depth.
import { RuthError } from '@ruth/protocol';
import { Codec, CodecContext, Frame, type HardwareDeviceContext } from 'node-av/lib';
import { AV_CODEC_ID_H264, AV_CODEC_ID_HEVC } from 'node-av/constants';
import type { VideoCodec } from './video-codec.ts';
import { ffmpegPacket, type StreamFormat } from './media-packet.ts';

const CODEC_ID = { h264: AV_CODEC_ID_H264, hevc: AV_CODEC_ID_HEVC } as const;

/**
 * A decoder with one thread, and so without a delay of its own; on `device` where it can. Throws `internal` where FFmpeg lacks
 * it, `stream_corrupt` where the parameter sets are damaged.
 */
export async function openDecoder(codec: VideoCodec, parameterSets: Buffer, device: HardwareDeviceContext | null = null): Promise<CodecContext> {
  const decoder = Codec.findDecoder(CODEC_ID[codec]);
  if (!decoder) throw new RuthError('internal', `this FFmpeg has no decoder for ${codec}`);
  const context = new CodecContext();
  context.allocContext3(decoder);
  context.threadCount = 1;
  context.extraData = parameterSets;
  if (device) context.hwDeviceCtx = device;
  const status = await context.open2(decoder, null);
  if (status < 0) {
    context.freeContext();
    throw new RuthError('stream_corrupt', `the ${codec} parameter sets are damaged`);
  }
  return context;
}

/** What one keyframe tells of its stream. */
export interface KeyframeFormat extends Omit<StreamFormat, 'audio'> {
  /** As the parameter sets say; null where they do not. */
  readonly statedFps: number | null;
}

/** `keyframe`: Annex B. Throws `stream_corrupt` where it does not decode. */
export async function probeFormat(codec: VideoCodec, parameterSets: Buffer, keyframe: Buffer): Promise<KeyframeFormat> {
  using packet = ffmpegPacket(keyframe, true);
  using context = await openDecoder(codec, parameterSets);
  using frame = new Frame();
  frame.alloc();
  const sent = await context.sendPacket(packet);
  await context.sendPacket(null);
  if (sent < 0 || await context.receiveFrame(frame) < 0 || frame.width < 1 || frame.height < 1) {
    throw new RuthError('stream_corrupt', `a keyframe of the ${codec} stream does not decode`);
  }
  const { num, den } = context.framerate;
  return { codec, parameterSets, width: frame.width, height: frame.height, reorderDepth: context.hasBFrames, statedFps: num > 0 && den > 0 ? num / den : null };
}
