// What kernel and ingest child tell each other over the child's IPC channel (structured clones, so Buffers travel as they are).
import type { CameraAddresses, CameraStatus, LiveInit, LiveStreamName, RecordingSeam, RuthError, Settings } from '@ruth/protocol';
import type { VideoCodec } from '../media/video-codec.ts';
import type { RecordingMessage } from '../record/segment.ts';

/** Everything a child needs. The URL holds credentials: it goes this way only, never through arguments or environment. */
export interface IngestSettings {
  readonly cameraId: string;
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly slotCount: number;
  readonly ringDirectory: string;
  /** Decoded instead of `url` where it is not null. */
  readonly detectUrl: string | null;
  readonly audio: boolean;
  readonly addresses: CameraAddresses;
  readonly hardware: Settings['decoding']['hardware'];
  /** Null: not recorded. */
  readonly recording: {
    readonly directory: string;
    readonly segmentS: number;
    /** Where what is recorded already ends, us UTC: nothing is dated before. */
    readonly notBeforeUs: number;
  } | null;
  /** First epoch of this child; above any that an earlier child of the camera used. */
  readonly firstEpoch: number;
}

/** Where mediasoup takes the RTP of a camera: a port on loopback, and how the packets are marked. */
export interface RtpTarget {
  readonly host: string;
  readonly port: number;
  readonly payloadType: number;
  readonly ssrc: number;
  /** Each time that it is another number, the pictures since the last keyframe are sent again. */
  readonly repeats?: number;
}

/** What the recorder of a camera is to do while the camera passes from one node of a site to the next. */
export interface RecordingTurn {
  /** `hold`: keeps pictures back, for another node records still. `leave`: ends at the next keyframe, and begins no more. */
  readonly step: 'record' | 'hold' | 'leave';
  /** Another number for each step that is told: an answer names the one that it is about. */
  readonly turn: number;
  /** To record from: where the other node ended. Null: from the next keyframe that comes. */
  readonly seam: RecordingSeam | null;
}

/** What the kernel wants of a camera's process; told whole, each time something of it changes. */
export interface Wants {
  /** Frames per second into the ring, 0 for none. */
  readonly fps: number;
  /** fMP4 for viewers over WebSocket. */
  readonly fmp4: boolean;
  /** Likewise of the stream for models, where there is one. */
  readonly fmp4Detect: boolean;
  /** Pictures for the RTSP server. */
  readonly units: boolean;
  /** RTP for WebRTC; null for none. */
  readonly rtp: RtpTarget | null;
  /** False while the camera is stopped by a user, or the disk is full. */
  readonly record: boolean;
  /** For a camera that a site gave to this node: nothing is recorded from then on, seconds since the machine booted. Null: its own. */
  readonly recordUntilS: number | null;
  readonly turn: RecordingTurn;
}

export const NOTHING_WANTED: Wants = { fps: 0, fmp4: false, fmp4Detect: false, units: false, rtp: null, record: true, recordUntilS: null, turn: { step: 'record', turn: 0, seam: null } };

export type ToIngest =
  /** The first message. */
  | { readonly type: 'start'; readonly settings: IngestSettings; readonly wants: Wants; readonly logLevel: string }
  | { readonly type: 'want'; readonly wants: Wants };

/** The child's part of a camera's status; sent at each change of state, and every two seconds as a sign of life. */
export type IngestStatus = Pick<CameraStatus, 'state' | 'last_error' | 'codec' | 'width' | 'height' | 'fps' | 'decode_level' | 'frame_reference' | 'drops'
  | 'bitrate_bps' | 'keyframe_interval_s' | 'packets_lost' | 'audio_codec' | 'decoder' | 'detect' | 'recording'> & {
  readonly counters: Omit<CameraStatus['counters'], 'restarts'>;
  readonly epoch: number;
};

export type Fmp4Message =
  | { readonly type: 'live-init'; readonly stream: LiveStreamName; readonly init: LiveInit; readonly segment: Buffer }
  | { readonly type: 'live-fragment'; readonly stream: LiveStreamName; readonly keyframe: boolean; readonly data: Buffer };

export type UnitMessage =
  | { readonly type: 'unit-format'; readonly codec: VideoCodec; readonly parameterSets: Buffer }
  /** One picture, Annex B, in decoding order. */
  | { readonly type: 'unit'; readonly data: Buffer; readonly ptsUs: number; readonly keyframe: boolean; readonly epoch: number };

/** The RTP timestamp of a picture of this epoch is its pts in 1/90000 s plus `offsetTicks`, mod 2^32. Told at the beginning and with each epoch. */
export type RtpClockMessage = { readonly type: 'rtp-clock'; readonly offsetTicks: number; readonly epoch: number };

export type TurnMessage =
  /** Of `hold`: pictures are held back, from a keyframe on, or none are any more. */
  | { readonly type: 'held'; readonly turn: number; readonly held: boolean }
  /** Of `leave`: nothing is recorded any more. Null where it did not end at a keyframe of the recording. */
  | { readonly type: 'left'; readonly turn: number; readonly seam: RecordingSeam | null };

export type FromIngest = { readonly type: 'status'; readonly status: IngestStatus } | TurnMessage | Fmp4Message | RtpClockMessage | UnitMessage | RecordingMessage;

export const lastError = (error: RuthError, nowMs: number = Date.now()): { code: string; message: string; at: number } =>
  ({ code: error.code, message: error.message, at: nowMs / 1000 });
