// What flows from a camera to its consumers: one encoded picture with its times. Consumers borrow it.
import type { VideoCodec } from '../video-codec.ts';
import type { SourcePacket } from './packet-source.ts';

/** Ticks per second of every packet time; RTP's clock for video. */
export const TICKS_PER_SECOND = 90_000;

export const ticksToUs = (ticks: number): number => Math.round(ticks * 1e6 / TICKS_PER_SECOND);

export interface MediaPacket {
  /** Valid only during the call that hands it over. */
  readonly packet: SourcePacket;
  readonly ptsTicks: number;
  readonly bytes: number;
  readonly keyframe: boolean;
  /** Node's wall clock when the packet arrived, us UTC. */
  readonly capturedAtUs: number;
  /** Grows when the stream's clock begins anew. */
  readonly epoch: number;
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
}

/** Takes packets at its own pace: `accept` never waits, and what it cannot keep it drops and counts. */
export interface PacketConsumer {
  /** The format of the packets that follow; the next one is a keyframe. */
  begin(format: StreamFormat): void;
  accept(packet: MediaPacket): void;
}
