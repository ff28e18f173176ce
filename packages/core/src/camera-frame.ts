// A frame as core knows it: where it is and when it was. Pixels stay in the ring.
import type { PixelFormat } from '@ruth/protocol';
import type { FrameTime } from './gate.ts';

export interface CameraFrame extends FrameTime {
  readonly cameraId: string;
  /** Path of the ring. */
  readonly frameReference: string;
  readonly frameId: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  /** False once its ring was replaced: its id then names another frame, or none. */
  isOfCurrentRing(): boolean;
}
