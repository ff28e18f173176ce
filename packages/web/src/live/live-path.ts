// What the two ways of live video have in common: MSE (fMP4 over a WebSocket) and WebRTC (through mediasoup).

export type PathName = 'mse' | 'webrtc';
/** `auto`: WebRTC where it works, MSE until then and otherwise. */
export type PathChoice = 'auto' | PathName;

export type LivePhase =
  | { readonly name: 'idle' | 'connecting' | 'playing' }
  | { readonly name: 'retrying'; readonly reason: string }
  /** This browser cannot play the stream. */
  | { readonly name: 'unplayable'; readonly mime: string };

/** The frame on the screen. Times that are not known are null. */
export interface ShownFrame {
  readonly ptsUs: number | null;
  /** Frames of another epoch are not comparable by pts. */
  readonly epoch: number;
}

/** Where media time 0 of an epoch lies on the wall clock; told by the MSE path alone and good for both. */
export interface WallOrigin { readonly epoch: number; readonly ptsOriginUs: number; readonly wallOriginS: number }

/** When a frame was captured, seconds UTC; null where the origin is of another epoch. */
export function capturedAt(frame: ShownFrame, origin: WallOrigin | null): number | null {
  if (!origin || frame.ptsUs === null || frame.epoch !== origin.epoch) return null;
  return origin.wallOriginS + (frame.ptsUs - origin.ptsOriginUs) / 1e6;
}

const RTP_WRAP = 2 ** 32;
const TICKS_PER_US = 90_000 / 1e6;

/**
 * The pts of a frame, microseconds, out of its RTP timestamp, which begins anew every 13 hours: of the possible ones the
 * one nearest to `nearUs`, a pts of about the same time.
 */
export function ptsOfRtpTimestamp(rtpTimestamp: number, rtpOffset: number, nearUs: number): number {
  const ticks = (((rtpTimestamp - rtpOffset) % RTP_WRAP) + RTP_WRAP) % RTP_WRAP;
  const rounds = Math.round((nearUs * TICKS_PER_US - ticks) / RTP_WRAP);
  return (ticks + rounds * RTP_WRAP) / TICKS_PER_US;
}

/** A picture element for live video; the path that plays in it says when it is shown. */
export function liveVideoElement(label: string): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = video.playsInline = video.autoplay = true;
  video.setAttribute('aria-label', label);
  return video;
}
