// What a camera connection hands out, whichever way it reads: RtspTcpSource (our own) or FfmpegSource (UDP, and cameras that ours does not understand).
import type { AddressPolicy } from '@ruth/transport';
import type { VideoCodec } from '../media/video-codec.ts';

/** One coded picture as it came, before it has a place in time. */
export interface SourcePacket {
  /** Annex B; the receiver's own. */
  readonly data: Buffer;
  /** Null where the stream tells none. */
  readonly ptsTicks: number | null;
  /** 0 where unknown. */
  readonly durationTicks: number;
  readonly keyframe: boolean;
  /** Node's wall clock when it arrived, us UTC. */
  readonly capturedAtUs: number;
}

/** By the names that people know. */
export type AudioCodec = 'aac' | 'pcmu' | 'pcma' | 'l16' | 'g726' | 'opus';

/** Sound as the camera describes it. */
export interface AudioDescription {
  readonly codec: AudioCodec;
  /** Of its time stamps, and of its samples (but for what an AAC config says else). */
  readonly clockRate: number;
  readonly channels: number;
  /** AudioSpecificConfig, for AAC alone. */
  readonly config: Buffer | null;
  /** Bits of a coded sample, for G.726 alone. */
  readonly bitsPerSample: number | null;
}

/** Some coded sound as it came: for AAC one frame. */
export interface SourceAudio {
  /** The receiver's own. */
  readonly data: Buffer;
  /** On a clock of its own, 1/clockRate s. */
  readonly clockTicks: number;
  readonly capturedAtUs: number;
}

/** Where the camera's own clock (NTP) stands at time 0 of each of its streams, us; null while it has not said. */
export interface SenderOrigins {
  readonly videoUs: number;
  readonly audioUs: number;
}

export interface PacketSource extends AsyncDisposable {
  readonly codec: VideoCodec;
  /** What the camera's description says; many cameras say nothing there and send them in the stream alone. */
  readonly describedParameterSets: Buffer | null;
  /** Null where there is no sound, none that can be read, or none is wanted. */
  readonly audio: AudioDescription | null;
  readonly senderOrigins: SenderOrigins | null;
  /** RTP packets of the video that did not arrive; null where that cannot be told. */
  readonly lost: number | null;
  /**
   * Hands out packets until the stream ends; waits for each promise that `take` returns. Throws `camera_stalled`,
   * `camera_unreachable`, `camera_protocol`, or `cancelled`.
   */
  run(take: (packet: SourcePacket) => Promise<void> | null, takeAudio: (audio: SourceAudio) => void): Promise<never>;
  /** Whether packets are handed out as they come, as at first, or a little later and several at a time, which costs less. Not every source can. */
  setPrompt?(prompt: boolean): void;
}

export interface SourceOptions {
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  /** Whether sound is wanted. Without it, or where it cannot be had, there is the video alone. */
  readonly audio: boolean;
  /** Why there is no sound although the camera has some. */
  readonly onNoAudio: (reason: string) => void;
  /** Where a camera may be. */
  readonly addresses: AddressPolicy;
  readonly signal: AbortSignal;
  /** The source does not return, whatever is done: only the end of the process helps. */
  readonly onHang: () => void;
}

/** A camera may need to start its encoder before it answers. */
export const OPEN_LIMIT_MS = 10_000;
