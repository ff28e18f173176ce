// One look: asks a model container about one frame by reference, and judges the answer. Nothing a container says or
// fails to say leaves here unless it is an answer to exactly this request.
import {
  InferResponse, RuthError, validator, type Detection, type DropCause, type InferConfig, type InferMetadata, type InferRequest,
} from '@ruth/protocol';
import type { CameraFrame } from '../camera-frame.ts';
import type { Region } from './regions.ts';

/** Where a model can be asked; an IpcClient is one. */
export interface ModelEndpoint {
  readonly modelId: string;
  /** Requests that its container can use at once: one for each session, and some that are ready when one is over. */
  readonly places: number;
  /** What it leaves out unless told, where it detects and says so: core asks for doubtful boxes too. */
  readonly confidenceThreshold?: number | null;
  request(message: unknown, options: { timeoutMs: number; signal: AbortSignal }): Promise<unknown>;
}

export interface LookError { readonly code: string; readonly message: string }

/** `failed`: the container answered that it could not. `dropped`: there was no answer that could be used. */
export type LookOutcome =
  | { readonly result: 'answered'; readonly detections: Detection[]; readonly metadata: Partial<InferMetadata> }
  | { readonly result: 'failed'; readonly error: LookError }
  | { readonly result: 'dropped'; readonly cause: DropCause; readonly error: LookError };

export interface LookRequest {
  readonly frame: CameraFrame;
  readonly config: InferConfig;
  /** From now until the whole look must be over. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** A container keeps its own deadline; only when it does not, the connection is given up, this much later. */
const ANSWER_GRACE_MS = 100;
/** Regions asked at once, so that a container can preprocess one while it infers another. */
export const REGIONS_AT_ONCE = 2;
/** As the schema says. */
const MAX_DETECTIONS = 10_000;
const inferResponse = validator(InferResponse);

/** Asks about the whole frame, or about `config.roi` of it. Never throws. */
export async function look(endpoint: ModelEndpoint, { frame, config, deadlineMs, signal }: LookRequest): Promise<LookOutcome> {
  const timestamp = frame.capturedAtUs / 1e6;
  const request: InferRequest = {
    frame_reference: frame.frameReference,
    frame_metadata: { frame_id: frame.frameId, width: frame.width, height: frame.height, format: frame.format, timestamp },
    camera_id: frame.cameraId, model_id: endpoint.modelId, timestamp, config: { ...config, deadline_ms: deadlineMs },
  };
  try {
    const answer = await endpoint.request(request, { timeoutMs: deadlineMs + ANSWER_GRACE_MS, signal });
    return judge(answer, request, frame);
  } catch (cause) {
    const error = RuthError.from(cause, 'inference_failed');
    return dropped(CAUSE_OF_FAILURE[error.code] ?? 'error', error.code, error.message);
  }
}

/**
 * Asks about each region of one frame and merges the answers in the order of the regions: times are summed, boxes and
 * keypoints are of the whole frame. The first region that cannot be looked at ends the look: half an answer is none.
 */
export async function lookAtRegions(endpoint: ModelEndpoint, regions: readonly Region[], request: LookRequest): Promise<LookOutcome> {
  const endAt = performance.now() + request.deadlineMs;
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const outcomes: LookOutcome[] = [];
  let failure: LookOutcome | null = null;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < regions.length && failure === null; index = next++) {
      const restMs = endAt - performance.now();
      const outcome = restMs <= 0
        ? dropped('deadline', 'timeout', `${index} of ${regions.length} regions were looked at within ${request.deadlineMs} ms`)
        : await look(endpoint, { ...request, config: { ...request.config, roi: regions[index]!.box }, deadlineMs: restMs, signal });
      outcomes[index] = outcome;
      if (outcome.result === 'answered' || failure !== null) continue;
      failure = outcome;
      stop.abort();
    }
  };
  await Promise.all(Array.from({ length: Math.min(REGIONS_AT_ONCE, regions.length) }, work));
  return failure ?? merged(outcomes, regions);
}

const CAUSE_OF_FAILURE: Partial<Record<string, DropCause>> = {
  timeout: 'deadline', cancelled: 'stopped', overloaded: 'overloaded', unreachable: 'no_container',
};

/** Error codes of a container that tell what became of the frame rather than that the model failed. */
const CAUSE_OF_ANSWER: Partial<Record<string, DropCause>> = {
  frame_overwritten: 'overwritten', overloaded: 'overloaded', deadline_exceeded: 'deadline', shutting_down: 'no_container',
};

function judge(answer: unknown, request: InferRequest, frame: CameraFrame): LookOutcome {
  const nonsense = (message: string): LookOutcome => dropped('error', 'inference_failed', `${request.model_id} answered nonsense: ${message}`);
  // Before the schema, which would take seconds to say what is wrong with a million detections.
  const count = (answer as { detections?: { length?: unknown } } | null)?.detections?.length;
  if (typeof count === 'number' && count > MAX_DETECTIONS) return nonsense(`${count} detections in one frame`);
  if (!inferResponse.check(answer)) {
    const [first] = inferResponse.violations(answer);
    return nonsense(`${first?.pointer ?? ''} ${first?.message ?? ''}`.trim());
  }
  if (answer.error !== null || answer.error_code !== undefined) {
    const code = answer.error_code ?? 'inference_failed';
    const message = answer.error ?? code;
    const cause = CAUSE_OF_ANSWER[code] ?? (code === 'frame_not_found' && !frame.isOfCurrentRing() ? 'overwritten' : undefined);
    return cause ? dropped(cause, code, message) : { result: 'failed', error: { code, message } };
  }
  for (const [key, wanted, got] of [
    ['model_id', request.model_id, answer.model_id], ['camera_id', request.camera_id, answer.camera_id], ['frame_id', request.frame_metadata.frame_id, answer.frame_id],
  ]) {
    if (got !== wanted) return nonsense(`${key} is ${JSON.stringify(got)}, asked was ${JSON.stringify(wanted)}`);
  }
  if (answer.detections.some(({ bbox: [xMin, yMin, xMax, yMax] }) => xMin > xMax || yMin > yMax)) return nonsense('a box ends before it begins');
  // Ids begin anew with a ring: what was answered may be of another frame.
  if (!frame.isOfCurrentRing()) return dropped('overwritten', 'frame_overwritten', 'the ring was replaced during the look');
  return { result: 'answered', detections: answer.detections, metadata: answer.metadata };
}

function dropped(cause: DropCause, code: string, message: string): LookOutcome {
  return { result: 'dropped', cause, error: { code, message } };
}

function merged(outcomes: readonly LookOutcome[], regions: readonly Region[]): LookOutcome {
  const detections: Detection[] = [];
  const metadata: Partial<InferMetadata> = {};
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.result !== 'answered') continue;
    const { trackId } = regions[index]!;
    for (const detection of outcome.detections) detections.push(trackId === null ? detection : { ...detection, of_track: trackId });
    for (const key of ['inference_time_ms', 'queue_ms', 'preprocess_ms', 'postprocess_ms', 'batch_size'] as const) {
      if (outcome.metadata[key] !== undefined) metadata[key] = (metadata[key] ?? 0) + outcome.metadata[key];
    }
    if (outcome.metadata.device !== undefined) metadata.device = outcome.metadata.device;
  }
  return { result: 'answered', detections, metadata };
}
