// An instant model: it answers when the test says what.
import type { Detection, InferRequest, InferResponse } from '@ruth/protocol';
import { RuthError } from '@ruth/protocol';
import type { CameraFrame, ModelEndpoint } from '../src/index.ts';

export const person = (xMin: number, confidence = 0.9): Detection => ({ class_id: 0, class_name: 'person', confidence, bbox: [xMin, 0.2, xMin + 0.1, 0.8] });

export function answerTo(request: InferRequest, detections: Detection[] = [], metadata: InferResponse['metadata'] = { inference_time_ms: 1 }): InferResponse {
  return { model_id: request.model_id, camera_id: request.camera_id, frame_id: request.frame_metadata.frame_id, detections, metadata, error: null };
}

export interface PendingRequest { readonly request: InferRequest; readonly timeoutMs: number; answer(answer: unknown): void; fail(error: unknown): void }

export class MockEndpoint implements ModelEndpoint {
  readonly modelId: string;
  places = 64;
  confidenceThreshold: number | null = null;
  readonly pending: PendingRequest[] = [];
  readonly #answer: ((request: InferRequest) => unknown) | null;

  /** Without `answer` the test answers each request itself. */
  constructor(modelId: string, answer: ((request: InferRequest) => unknown) | null = null) {
    this.modelId = modelId;
    this.#answer = answer;
  }

  async request(message: unknown, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<unknown> {
    const request = message as InferRequest;
    if (this.#answer) return this.#answer(request);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    signal.addEventListener('abort', () => reject(new RuthError('cancelled', 'the caller gave up')), { once: true });
    this.pending.push({ request, timeoutMs, answer: resolve, fail: reject });
    return promise;
  }
}

/** Frame `index` of a camera that sends 25 a second. */
export function frameOf(cameraId: string, index: number, isOfCurrentRing: () => boolean = () => true, isStillThere: () => boolean = () => true): CameraFrame {
  return {
    cameraId, frameReference: `/dev/shm/vas_frames_${cameraId}`, frameId: index, ptsUs: index * 40_000, capturedAtUs: 1.7e15 + index * 40_000, epoch: 0,
    width: 64, height: 48, format: 'NV12', publishedMs: NaN, lumaGrid: () => null, isOfCurrentRing, isStillThere,
  };
}

/** Lets everything that is ready run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
