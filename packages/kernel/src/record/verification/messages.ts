// Between the kernel and the process that looks into the recordings.
import type { CameraVerification, ErrorCode } from '@ruth/protocol';

export interface VerificationTask { readonly directory: string; readonly cameras: readonly string[] | null; readonly decode: boolean }

export type FromVerification =
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | { readonly type: 'camera'; readonly result: CameraVerification }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };
