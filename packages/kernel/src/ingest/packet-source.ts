// What a camera connection hands out, whichever way it reads: RtspTcpSource (our own) or FfmpegSource (UDP, TLS).
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

export interface PacketSource extends AsyncDisposable {
  readonly codec: VideoCodec;
  /** What the camera's description says; many cameras say nothing there and send them in the stream alone. */
  readonly describedParameterSets: Buffer | null;
  /**
   * Hands out packets until the stream ends; waits for each promise that `take` returns. Throws `camera_stalled`,
   * `camera_unreachable`, `camera_protocol`, or `cancelled`.
   */
  run(take: (packet: SourcePacket) => Promise<void> | null): Promise<never>;
}

export interface SourceOptions {
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal;
  /** The source does not return, whatever is done: only the end of the process helps. */
  readonly onHang: () => void;
}

/** A camera may need to start its encoder before it answers. */
export const OPEN_LIMIT_MS = 10_000;
