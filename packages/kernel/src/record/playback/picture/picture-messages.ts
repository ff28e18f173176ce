// What the kernel and the process that makes pictures of recordings tell each other, over the child's IPC channel.
import type { ErrorCode } from '@ruth/protocol';

export interface PictureJob {
  readonly id: number;
  /** fMP4: an init, and fragments from a keyframe on. */
  readonly media: readonly Buffer[];
  /** The picture shown at this instant of the media; null for the last one. */
  readonly atTicks: number | null;
  /** Pixels; null for the picture's own. A picture is never enlarged. */
  readonly width: number | null;
}

export type PictureAnswer =
  | { readonly id: number; readonly jpeg: Buffer }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string };
