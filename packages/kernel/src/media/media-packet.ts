// What flows from a camera to its consumers: coded pictures and coded sound with their times. Their bytes are never
// changed: whoever wants to may keep them.
import { Packet } from 'node-av/lib';
import { RuthError } from '@ruth/protocol';
import { splitByteStream } from './nal-units.ts';
import type { VideoCodec } from './video-codec.ts';

/** Ticks per second of every packet time, sound included; RTP's clock for video. */
export const TICKS_PER_SECOND = 90_000;

export const ticksToUs = (ticks: number): number => Math.round(ticks * 1e6 / TICKS_PER_SECOND);

/** One coded picture. */
export class MediaPacket {
  /** Annex B. */
  readonly data: Buffer;
  readonly ptsTicks: number;
  /** A decoder can begin here. */
  readonly keyframe: boolean;
  /** Node's wall clock when the packet arrived, us UTC; evened out by the stream's own time, so never later. */
  readonly capturedAtUs: number;
  /** Grows when the stream's clock begins anew. */
  readonly epoch: number;
  /** Other pictures may be predicted from this one. */
  readonly reference: boolean;
  #nals: readonly Buffer[] | null = null;

  constructor(data: Buffer, ptsTicks: number, keyframe: boolean, capturedAtUs: number, epoch: number, reference = true) {
    this.data = data;
    this.ptsTicks = ptsTicks;
    this.keyframe = keyframe;
    this.capturedAtUs = capturedAtUs;
    this.epoch = epoch;
    this.reference = reference;
  }

  /** NAL units without start codes, views of `data`; found when first asked for. */
  get nals(): readonly Buffer[] { return this.#nals ??= splitByteStream(this.data); }
}

/** One coded frame of sound, on the clock of the picture beside it. */
export interface AudioPacket {
  /** One frame of the format's codec, as MP4 keeps it. */
  readonly data: Buffer;
  readonly ptsTicks: number;
  readonly durationTicks: number;
  readonly epoch: number;
}

export interface AudioFormat {
  /** What MP4 carries: other codecs were transcoded before they got here. */
  readonly codec: 'aac';
  /** AudioSpecificConfig (ISO/IEC 14496-3). */
  readonly config: Buffer;
  readonly sampleRate: number;
  readonly channels: number;
}

/** What a decoder or a muxer must know before the first packet. Told anew whenever the camera changes it. */
export interface StreamFormat {
  readonly codec: VideoCodec;
  /** SPS, PPS (and VPS), each behind a 4-byte start code. */
  readonly parameterSets: Buffer;
  readonly width: number;
  readonly height: number;
  /** Pictures by which decode order may run ahead of display order. */
  readonly reorderDepth: number;
  /** Null where the camera has no sound, or it is not wanted. */
  readonly audio: AudioFormat | null;
}

/** Takes packets at its own pace: `accept` never waits, and what it cannot keep it drops and counts. */
export interface PacketConsumer {
  /** The format of the packets that follow; the next picture is a keyframe. */
  begin(format: StreamFormat): void;
  accept(packet: MediaPacket): void;
  acceptAudio?(packet: AudioPacket): void;
  /** The connection is over; what follows is told with `begin`. */
  interrupt?(): void;
}

/** The picture as FFmpeg takes it; the caller's own. Throws `internal` where there is no memory. */
export function ffmpegPacket(data: Buffer, keyframe: boolean): Packet {
  const packet = new Packet();
  packet.alloc();
  packet.data = data;
  if (packet.size !== data.length) throw new RuthError('internal', 'no memory for a packet');
  packet.isKeyframe = keyframe;
  return packet;
}
