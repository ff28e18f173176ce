// What the main thread and a session worker say to one another.
import type { Box, Detection, ErrorCode } from '@ruth/protocol';
import type { LoadedModel } from '../model/load-model.ts';

/** Given to a worker when it starts. */
export interface WorkerSetup {
  readonly model: LoadedModel;
  readonly threads: number;
  /** Most frames in one inference; 1 unless told. */
  readonly maxBatch?: number;
  readonly ringDirectory: string;
}

/** One look at one frame, with nothing left open. */
export interface InferJob {
  readonly frameReference: string;
  readonly frameId: number;
  /** What the caller believes of the frame; the ring knows better, so a contradiction is an error. */
  readonly claimed: { readonly width?: number; readonly height?: number; readonly format?: string };
  readonly confidenceThreshold: number;
  readonly iouThreshold: number;
  readonly maxDetections: number;
  /** Ids of the classes wanted; all, where undefined. */
  readonly classIds?: readonly number[];
  readonly roi?: Box;
  /** For a server elsewhere: when nobody needs the answer any more, ms as `performance.timeOrigin + performance.now()` counts, which is one clock for all threads. */
  readonly deadlineAtMs?: number;
}

export interface InferResult {
  readonly detections: Detection[];
  readonly preprocessMs: number;
  readonly inferenceMs: number;
  readonly postprocessMs: number;
  /** What looked, where that may be another than at the start. */
  readonly device?: string;
}

/** Of one look among those of one inference: one that fails leaves the others as they are. */
export type JobResult = InferResult | FailedJob;
export interface FailedJob { readonly code: ErrorCode; readonly message: string }

export const failedJob = (result: JobResult): result is FailedJob => 'code' in result;

/** One loaded copy of a model, in its thread. One call at a time. */
export interface Session extends AsyncDisposable, SessionStart {
  infer(job: InferJob, signal: AbortSignal): Promise<InferResult>;
  /** Looks at several frames in one inference, as many as `WorkerSetup.maxBatch` at most. */
  inferTogether?(jobs: readonly InferJob[]): Promise<JobResult[]>;
  /** Looks at a blank picture, without a ring: only the model can fail. */
  canary(): Promise<InferResult>;
}

export type WorkerRequest =
  | { readonly type: 'run'; readonly id: number; readonly jobs: readonly InferJob[] | 'canary' }
  /** Nobody needs the answer any more; it is given all the same. */
  | { readonly type: 'cancel'; readonly id: number }
  /** Ends the thread once what came before is answered. */
  | { readonly type: 'end' };

/** What a session says of itself once it can be used. `deviceReason`: why it runs there. `canaryMs`: what its first inference after loading took. */
export interface SessionStart { readonly device: string; readonly deviceReason: string; readonly canaryMs: number }

export type WorkerResponse =
  | ({ readonly type: 'ready'; readonly systemThreadId: number | null } & SessionStart)
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'result'; readonly id: number; readonly results: readonly JobResult[] }
  | { readonly type: 'error'; readonly id: number; readonly code: ErrorCode; readonly message: string };
