// What kernel and ingest child tell each other over the child's IPC channel (structured clones, so Buffers travel as they are).
import type { CameraStatus, LiveInit, RuthError } from '@ruth/protocol';

/** Everything a child needs. The URL holds credentials: it goes this way only, never through arguments or environment. */
export interface IngestSettings {
  readonly cameraId: string;
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly slotCount: number;
  readonly ringDirectory: string;
  /** First epoch of this child; above any that an earlier child of the camera used. */
  readonly firstEpoch: number;
}

export type ToIngest =
  /** The first message. `fps`: frames wanted per second, 0 for none; `live`: whether somebody watches. */
  | { readonly type: 'start'; readonly settings: IngestSettings; readonly fps: number; readonly live: boolean; readonly logLevel: string }
  | { readonly type: 'demand'; readonly fps: number }
  | { readonly type: 'live'; readonly wanted: boolean };

/** The child's part of a camera's status; sent at each change of state, and every second as a sign of life. */
export type IngestStatus = Pick<CameraStatus, 'state' | 'last_error' | 'codec' | 'width' | 'height' | 'fps' | 'decode_level' | 'frame_reference' | 'drops'> & {
  readonly counters: Omit<CameraStatus['counters'], 'restarts'>;
  readonly epoch: number;
};

export type FromIngest =
  | { readonly type: 'status'; readonly status: IngestStatus }
  | { readonly type: 'live-init'; readonly init: LiveInit; readonly segment: Buffer }
  | { readonly type: 'live-fragment'; readonly keyframe: boolean; readonly data: Buffer };

export const lastError = (error: RuthError, nowMs: number = Date.now()): { code: string; message: string; at: number } =>
  ({ code: error.code, message: error.message, at: nowMs / 1000 });
