// A frame as core knows it: where it is and when it was. Pixels stay in the ring.
import type { PixelFormat } from '@ruth/protocol';
import type { FrameTime } from './dispatch/gate.ts';
import type { LumaGrid } from './motion/luma-grid.ts';

export interface CameraFrame extends FrameTime {
  readonly cameraId: string;
  /** Path of the ring. */
  readonly frameReference: string;
  readonly frameId: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  /** When it was published, on core's monotonic clock; NaN where its writer did not tell. */
  readonly publishedMs: number;
  /** Its luma in small; null where it was overwritten meanwhile. To be asked while the frame is handed on: the grid is used again for the next. */
  lumaGrid(): LumaGrid | null;
  /** False once it was overwritten, or its ring replaced. It may be overwritten right after. */
  isStillThere(): boolean;
  /** False once its ring was replaced: its id then names another frame, or none. */
  isOfCurrentRing(): boolean;
}
