// One model in one thread: frame in the ring -> tensor -> inference -> detections of the whole frame. No state per
// camera and nothing carried between requests, but for buffers and mappings.
import { RuthError } from '@ruth/protocol/base';
import type { Detection, Keypoint } from '@ruth/protocol';
import { decoderFor } from '../decode/decoder.ts';
import type { Candidate, Decoder } from '../decode/detections.ts';
import { best, suppressOverlaps } from '../decode/nms.ts';
import type { LoadedModel } from '../model/load-model.ts';
import { frameX, frameY, type Geometry } from '../preprocess/geometry.ts';
import { Preprocessor } from '../preprocess/preprocessor.ts';
import { assertExpected, summaryOf, type OutputSummary } from './expected-answer.ts';
import { FrameSource, overwritten } from './frame-source.ts';
import type { InferJob, InferResult, Session, WorkerSetup } from './protocol.ts';
import { openEngine, type TensorEngine } from './tensor-engine.ts';

export class ModelSession implements Session {
  readonly device: string;
  readonly deviceReason: string;
  /** What the first inference took. */
  canaryMs = 0;
  readonly #model: LoadedModel;
  readonly #engine: TensorEngine;
  readonly #preprocessor: Preprocessor;
  readonly #decoder: Decoder;
  readonly #frames: FrameSource;
  /** Of the first canary: the answer that each later one must give. */
  #expected: OutputSummary | null = null;

  private constructor(model: LoadedModel, engine: TensorEngine, ringDirectory: string) {
    this.device = engine.device;
    this.deviceReason = engine.deviceReason;
    this.#model = model;
    this.#engine = engine;
    this.#decoder = decoderFor(model);
    this.#preprocessor = new Preprocessor(engine.input);
    this.#frames = new FrameSource(ringDirectory);
    engine.bind(this.#preprocessor.tensor);
  }

  /** Loads the weights and runs a canary. Throws `model_invalid`, `device_unavailable`; of a server elsewhere also `unreachable`, `timeout`. */
  static async create({ model, threads, ringDirectory }: WorkerSetup): Promise<ModelSession> {
    const session = new ModelSession(model, await openEngine(model, threads), ringDirectory);
    const begun = performance.now();
    await session.canary().catch((cause: unknown) => {
      throw new RuthError('model_invalid', `${model.weightsPath || model.manifest.remote!.url}: the first inference failed: ${(cause as Error).message}`, { cause });
    });
    session.canaryMs = performance.now() - begun;
    return session;
  }

  /** One call at a time. Throws the errors of contracts.md, section 1. */
  async infer(job: InferJob): Promise<InferResult> {
    const begun = performance.now();
    const frame = this.#frames.frame(job);
    const geometry = this.#preprocessor.fillFrom(frame, job.roi, () => {
      if (!frame.intact()) throw overwritten(job.frameReference, job.frameId);
    });
    return this.#run(begun, geometry, job);
  }

  /**
   * Looks at a blank picture: shows that the model works, needs no frame. Throws `inference_failed`, also where the answer is not
   * that of the first time.
   */
  async canary(): Promise<InferResult> {
    await this.#engine.assertReady?.();
    const begun = performance.now();
    this.#preprocessor.fillBlank();
    const preprocessed = performance.now();
    const outputs = await this.#engine.run();
    const inferred = performance.now();
    const summary = summaryOf(outputs);
    assertExpected(summary, this.#expected ??= summary);
    this.#decoder.decode(outputs, { scoreThreshold: 0.01 });
    return { detections: [], preprocessMs: preprocessed - begun, inferenceMs: inferred - preprocessed, postprocessMs: performance.now() - inferred };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#frames[Symbol.dispose]();
    this.#preprocessor[Symbol.dispose]();
    await this.#engine[Symbol.asyncDispose]();
  }

  async #run(begun: number, geometry: Geometry, options: Pick<InferJob, 'confidenceThreshold' | 'iouThreshold' | 'maxDetections' | 'classIds'>): Promise<InferResult> {
    const preprocessed = performance.now();
    const outputs = await this.#engine.run();
    const inferred = performance.now();
    const { classIds } = options;
    let candidates = this.#decoder.decode(outputs, { scoreThreshold: options.confidenceThreshold });
    if (classIds) candidates = candidates.filter((candidate) => classIds.includes(candidate.classId));
    const kept = this.#decoder.overlapping ? suppressOverlaps(candidates, options.iouThreshold, options.maxDetections) : best(candidates, options.maxDetections);
    const detections = kept.map((candidate) => this.#detection(candidate, geometry)).filter(({ bbox: [left, top, right, bottom] }) => right > left && bottom > top);
    return { detections, preprocessMs: preprocessed - begun, inferenceMs: inferred - preprocessed, postprocessMs: performance.now() - inferred };
  }

  #detection({ classId, score, left, top, right, bottom, keypoints, embedding }: Candidate, geometry: Geometry): Detection {
    return {
      class_id: classId, class_name: this.#model.classes[classId] ?? `class_${classId}`, confidence: rounded(score),
      bbox: [rounded(frameX(geometry, left)), rounded(frameY(geometry, top)), rounded(frameX(geometry, right)), rounded(frameY(geometry, bottom))],
      ...(keypoints && { keypoints: mappedKeypoints(keypoints, geometry) }),
      ...(embedding && { embedding: Array.from(embedding, rounded) }),
      track_id: null,
    };
  }
}

function mappedKeypoints(keypoints: Float32Array, geometry: Geometry): Keypoint[] {
  return Array.from({ length: keypoints.length / 3 }, (_, index): Keypoint => {
    const [x, y, score] = keypoints.subarray(index * 3, index * 3 + 3) as unknown as [number, number, number];
    // A keypoint whose place is no number was not found.
    if (!Number.isFinite(x) || !Number.isFinite(y)) return [0, 0, 0];
    return [rounded(frameX(geometry, x)), rounded(frameY(geometry, y)), rounded(Math.min(1, Math.max(0, score || 0)))];
  });
}

/** A hundredth of a pixel of 8K, in few characters. */
function rounded(share: number): number {
  return Math.round(share * 1e6) / 1e6;
}
