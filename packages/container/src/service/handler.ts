// Answers messages: infer, describe, health. Whatever goes wrong becomes a response that says what.
import { INFERENCE_ERROR_CODES, RuthError, type InferenceErrorCode } from '@ruth/protocol/base';
import { isInferRequest, refuseInferRequest } from '@ruth/protocol/compiled';
import type { DescribeResponse, HealthResponse, InferRequest, InferResponse } from '@ruth/protocol';
import type { LoadedModel } from '../model/load-model.ts';
import type { PoolResult, RunOptions } from '../pool/request-queue.ts';
import type { InferJob } from '../session/protocol.ts';

export interface HandlerParts {
  readonly model: LoadedModel;
  /** Looks at one frame. */
  infer(job: InferJob, options: RunOptions): Promise<PoolResult>;
  describe(): DescribeResponse;
  health(): HealthResponse;
  device(): string;
  /** Told of each answered infer request: null, or the code of its failure. */
  onAnswered(code: InferenceErrorCode | null): void;
}

const DEFAULTS = { confidenceThreshold: 0.25, iouThreshold: 0.5, maxDetections: 300 } as const;

export type Handler = (message: unknown, client: { readonly signal: AbortSignal }) => Promise<InferResponse | DescribeResponse | HealthResponse>;

export function createHandler(parts: HandlerParts): Handler {
  return async (message, client) => {
    const type = isRecord(message) ? message.type ?? 'infer' : undefined;
    if (type === 'describe') return parts.describe();
    if (type === 'health') return parts.health();
    try {
      if (type === undefined) throw new RuthError('bad_request', 'a request is a JSON object');
      if (type !== 'infer') throw new RuthError('bad_request', `type must be infer, describe or health${typeof type === 'string' ? `, not ${JSON.stringify(type.slice(0, 60))}` : ''}`);
      const request = isInferRequest(message) ? message : await refuseInferRequest(message);
      const deadlineMs = request.config?.deadline_ms;
      const result = await parts.infer(jobOf(request, parts.model), { client, ...(deadlineMs !== undefined && { deadlineMs }) });
      parts.onAnswered(null);
      return {
        model_id: request.model_id, camera_id: request.camera_id, frame_id: request.frame_metadata.frame_id, detections: result.detections,
        metadata: {
          inference_time_ms: milliseconds(result.inferenceMs), queue_ms: milliseconds(result.queueMs), preprocess_ms: milliseconds(result.preprocessMs),
          postprocess_ms: milliseconds(result.postprocessMs), batch_size: result.batchSize, device: result.device ?? parts.device(),
        },
        error: null,
      };
    } catch (cause) {
      const refused = refusal(parts.model.manifest.model_id, cause, message);
      parts.onAnswered(refused.error_code ?? null);
      return refused;
    }
  };
}

/** The response for a request that failed, or that could not even be read. Names its camera and frame where it can. */
export function refusal(modelId: string, cause: unknown, message?: unknown): InferResponse {
  const error = RuthError.from(cause, 'inference_failed');
  const cameraId = isRecord(message) ? message.camera_id : undefined;
  const metadata = isRecord(message) ? message.frame_metadata : undefined;
  const frameId = isRecord(metadata) ? metadata.frame_id : undefined;
  return {
    model_id: modelId, camera_id: typeof cameraId === 'string' ? cameraId.slice(0, 100) : null,
    frame_id: Number.isSafeInteger(frameId) && (frameId as number) >= 0 ? frameId as number : null,
    detections: [], metadata: {}, error: error.message, error_code: inferenceCode(error),
  };
}

function jobOf(request: InferRequest, { manifest, classes }: LoadedModel): InferJob {
  if (request.model_id !== manifest.model_id) throw new RuthError('wrong_model', `this is the container of ${manifest.model_id}, not of ${request.model_id}`);
  const { config = {}, frame_metadata: { frame_id, width, height, format } } = request;
  return {
    frameReference: request.frame_reference, frameId: frame_id,
    claimed: { ...(width !== undefined && { width }), ...(height !== undefined && { height }), ...(format !== undefined && { format }) },
    confidenceThreshold: config.confidence_threshold ?? manifest.confidence_threshold ?? DEFAULTS.confidenceThreshold,
    iouThreshold: config.iou_threshold ?? manifest.nms_iou_threshold ?? DEFAULTS.iouThreshold,
    maxDetections: config.max_detections ?? manifest.max_detections ?? DEFAULTS.maxDetections,
    ...(config.classes && { classIds: config.classes.map((name) => classId(name, classes)) }),
    ...(config.roi && { roi: config.roi }),
  };
}

function classId(name: string, classes: readonly string[]): number {
  const id = classes.indexOf(name);
  if (id < 0) throw new RuthError('bad_request', `config.classes names ${JSON.stringify(name)}, which this model does not know; "describe" lists what it knows`);
  return id;
}

/** The wire knows a closed list; what comes from framing is the client's mistake, all else is ours. */
function inferenceCode({ code }: RuthError): InferenceErrorCode {
  if ((INFERENCE_ERROR_CODES as readonly string[]).includes(code)) return code as InferenceErrorCode;
  return code === 'invalid_length' || code === 'message_too_large' ? 'bad_request' : 'inference_failed';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function milliseconds(value: number): number {
  return Math.round(Math.max(0, value) * 1000) / 1000;
}
