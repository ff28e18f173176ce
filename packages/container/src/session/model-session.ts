// One model in one thread: frame in the ring -> tensor -> inference -> detections of the whole frame. No state per
// camera and nothing carried between requests, but for buffers and mappings.
import { RuthError } from '@ruth/protocol/base';
import type { Detection, Keypoint } from '@ruth/protocol';
import { decoderFor } from '../decode/decoder.ts';
import type { Candidate, Decoder, OutputTensor } from '../decode/detections.ts';
import { best, suppressOverlaps } from '../decode/nms.ts';
import type { LoadedModel } from '../model/load-model.ts';
import { frameX, frameY, type Geometry } from '../preprocess/geometry.ts';
import { Preprocessor } from '../preprocess/preprocessor.ts';
import { assertExpected, summaryOf, type OutputSummary } from './expected-answer.ts';
import { FrameSource, overwritten } from './frame-source.ts';
import type { InferJob, InferResult, JobResult, Session, WorkerSetup } from './protocol.ts';
import { openEngine } from './open-engine.ts';
import type { TensorEngine } from './tensor-engine.ts';

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
  /** Of the first canary on each device: the answer that each later one must give. */
  readonly #expected = new Map<string, OutputSummary>();

  private constructor(model: LoadedModel, engine: TensorEngine, ringDirectory: string, maxBatch: number) {
    this.device = engine.device;
    this.deviceReason = engine.deviceReason;
    this.#model = model;
    this.#engine = engine;
    this.#decoder = decoderFor(model);
    this.#preprocessor = new Preprocessor(engine.input, maxBatch);
    this.#frames = new FrameSource(ringDirectory);
    engine.bind(this.#preprocessor.tensor);
  }

  /** Loads the weights and runs a canary. Throws `model_invalid`, `device_unavailable`; of a server elsewhere also `unreachable`, `timeout`. */
  static async create({ model, threads, ringDirectory, maxBatch = 1 }: WorkerSetup): Promise<ModelSession> {
    const session = new ModelSession(model, await openEngine(model, threads, maxBatch), ringDirectory, maxBatch);
    const begun = performance.now();
    await session.canary().catch((cause: unknown) => {
      throw new RuthError('model_invalid', `${model.manifest.remote?.url ?? model.weightsPath}: the first inference failed: ${(cause as Error).message}`, { cause });
    });
    session.canaryMs = performance.now() - begun;
    if (maxBatch > 1) await session.#assertOutputsBatch();
    return session;
  }

  /** One call at a time. Throws the errors of contracts.md, section 1. */
  async infer(job: InferJob): Promise<InferResult> {
    const begun = performance.now();
    const geometry = this.#take(job, 0);
    const preprocessed = performance.now();
    const outputs = await this.#engine.run(1, restMs([job]));
    const inferred = performance.now();
    return { detections: this.#found(outputs, job, geometry), preprocessMs: preprocessed - begun, inferenceMs: inferred - preprocessed, postprocessMs: performance.now() - inferred, device: this.#engine.device };
  }

  /** A frame that is gone leaves the others as they are; each is told the time of the whole inference. */
  async inferTogether(jobs: readonly InferJob[]): Promise<JobResult[]> {
    const taken: { readonly place: number; readonly job: InferJob; readonly geometry: Geometry; readonly preprocessMs: number }[] = [];
    const results: JobResult[] = [];
    for (const [place, job] of jobs.entries()) {
      const begun = performance.now();
      try {
        taken.push({ place, job, geometry: this.#take(job, taken.length), preprocessMs: performance.now() - begun });
      } catch (cause) {
        const { code, message } = RuthError.from(cause, 'inference_failed');
        results[place] = { code, message };
      }
    }
    if (taken.length === 0) return results;
    const preprocessed = performance.now();
    const outputs = await this.#engine.run(taken.length, restMs(taken.map(({ job }) => job)));
    const inferenceMs = performance.now() - preprocessed;
    for (const [slot, { place, job, geometry, preprocessMs }] of taken.entries()) {
      const begun = performance.now();
      results[place] = { detections: this.#found(outputsOf(outputs, slot, taken.length), job, geometry), preprocessMs, inferenceMs, postprocessMs: performance.now() - begun, device: this.#engine.device };
    }
    return results;
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
    this.#assertAsEver(summaryOf(outputs));
    this.#decoder.decode(outputs, { scoreThreshold: 0.01 });
    return { detections: [], preprocessMs: preprocessed - begun, inferenceMs: inferred - preprocessed, postprocessMs: performance.now() - inferred, device: this.#engine.device };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#frames[Symbol.dispose]();
    this.#preprocessor[Symbol.dispose]();
    await this.#engine[Symbol.asyncDispose]();
  }

  #assertAsEver(summary: OutputSummary): void {
    const { device } = this.#engine;
    const expected = this.#expected.get(device);
    if (expected) assertExpected(summary, expected);
    else {
      assertExpected(summary, summary);
      this.#expected.set(device, summary);
    }
  }

  /** Throws `model_invalid` where the model gives for two pictures not the same twice. */
  async #assertOutputsBatch(): Promise<void> {
    for (const slot of [0, 1]) this.#preprocessor.fillBlank(slot);
    const weightsPath = this.#model.manifest.remote?.url ?? this.#model.weightsPath;
    const outputs = await this.#engine.run(2).catch((cause: unknown) => { throw new RuthError('model_invalid', `${weightsPath}: two pictures at once: ${(cause as Error).message}`, { cause }); });
    for (const [name, { dims }] of Object.entries(outputs)) {
      if (dims[0] !== 2) throw new RuthError('model_invalid', `${weightsPath}: resource_requirements.max_batch is more than 1, but output ${name} of two pictures is [${dims.join(', ')}]; its first dimension must be the picture`);
    }
    for (const slot of [0, 1]) this.#assertAsEver(summaryOf(outputsOf(outputs, slot, 2)));
  }

  #take(job: InferJob, slot: number): Geometry {
    const frame = this.#frames.frame(job);
    return this.#preprocessor.fillFrom(frame, job.roi, () => {
      if (!frame.intact()) throw overwritten(job.frameReference, job.frameId);
    }, slot);
  }

  #found(outputs: Readonly<Record<string, OutputTensor>>, options: Pick<InferJob, 'confidenceThreshold' | 'iouThreshold' | 'maxDetections' | 'classIds'>, geometry: Geometry): Detection[] {
    const { classIds } = options;
    let candidates = this.#decoder.decode(outputs, { scoreThreshold: options.confidenceThreshold });
    if (classIds) candidates = candidates.filter((candidate) => classIds.includes(candidate.classId));
    const kept = this.#decoder.overlapping ? suppressOverlaps(candidates, options.iouThreshold, options.maxDetections) : best(candidates, options.maxDetections);
    return kept.map((candidate) => this.#detection(candidate, geometry)).filter(({ bbox: [left, top, right, bottom] }) => right > left && bottom > top);
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

/** Until nobody needs any of these answers any more. */
function restMs(jobs: readonly InferJob[]): number {
  return Math.max(...jobs.map(({ deadlineAtMs = Infinity }) => deadlineAtMs)) - performance.timeOrigin - performance.now();
}

/** Of one picture, as if it had been looked at alone. */
function outputsOf(outputs: Readonly<Record<string, OutputTensor>>, slot: number, pictures: number): Record<string, OutputTensor> {
  return Object.fromEntries(Object.entries(outputs).map(([name, { dims, data }]) => {
    const length = data.length / pictures;
    return [name, { dims: [1, ...dims.slice(1)], data: data.subarray(slot * length, (slot + 1) * length) }];
  }));
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
