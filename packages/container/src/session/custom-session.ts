// A custom model in one thread: its module is loaded from the model folder, and sees frames, never rings. What it answers is checked in
// the main thread.
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { COLOUR_MATRIX, COLOUR_RANGE, RuthError } from '@ruth/protocol/base';
import type { Box } from '@ruth/protocol';
import type { LoadedModel } from '../model/load-model.ts';
import { frameX, frameY } from '../preprocess/geometry.ts';
import { Preprocessor, type InputFormat } from '../preprocess/preprocessor.ts';
import type { SourceFrame } from '../preprocess/scaler.ts';
import type { FrameTensor, FrameView, InferContext, ModelDefinition, TensorOptions } from '../sdk/define-model.ts';
import { BoundedCache } from './bounded-cache.ts';
import { FrameSource, overwritten } from './frame-source.ts';
import type { InferJob, InferResult, Session, WorkerSetup } from './protocol.ts';

/** Ways of making tensors whose memory is kept. */
const MAX_PREPROCESSORS = 4;
const CANARY = { confidenceThreshold: 0, iouThreshold: 0.5, maxDetections: 1 } as const;

export class CustomSession implements Session {
  readonly device = 'cpu';
  readonly deviceReason = 'its own code runs in a thread of the CPU';
  canaryMs = 0;
  readonly #definition: ModelDefinition<unknown>;
  readonly #state: unknown;
  readonly #frames: FrameSource;
  readonly #format: InputFormat;
  readonly #preprocessors = new BoundedCache<Preprocessor>(MAX_PREPROCESSORS, (preprocessor) => preprocessor[Symbol.dispose]());
  readonly #blank: SourceFrame;

  private constructor(model: LoadedModel, definition: ModelDefinition<unknown>, state: unknown, ringDirectory: string) {
    this.#definition = definition;
    this.#state = state;
    this.#frames = new FrameSource(ringDirectory);
    const { expected_resolution: size, input_format: input, normalization, letterbox } = model.manifest;
    this.#format = {
      size, layout: input?.layout ?? 'nchw', channels: input?.channels ?? 'rgb', dtype: input?.dtype ?? 'float32', mean: normalization?.mean ?? [0, 0, 0], std: normalization?.std ?? [1, 1, 1],
      letterbox: letterbox?.mode ?? 'center', fill: letterbox?.fill ?? 114,
    };
    this.#blank = blankFrame(size.width & ~1, size.height & ~1);
  }

  /** Loads the module and looks at a blank picture. Throws `model_invalid`. */
  static async create({ model, threads, ringDirectory }: WorkerSetup): Promise<CustomSession> {
    const invalid = (what: string, cause: unknown): RuthError => new RuthError('model_invalid', `${model.weightsPath}: ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    const definition = await definitionOf(model.weightsPath).catch((cause: unknown) => { throw invalid('cannot be loaded', cause); });
    let state: unknown;
    try {
      state = await definition.load({ folder: model.folder, manifest: model.manifest, threads });
    } catch (cause) {
      throw invalid('load() failed', cause);
    }
    const session = new CustomSession(model, definition, state, ringDirectory);
    const begun = performance.now();
    await session.canary().catch((cause: unknown) => { throw invalid('infer() failed on a blank picture', cause); });
    session.canaryMs = performance.now() - begun;
    return session;
  }

  /** One call at a time. Throws what the model throws, and the errors of contracts.md, section 1. */
  async infer(job: InferJob, signal: AbortSignal): Promise<InferResult> {
    const frame = this.#frames.frame(job);
    return this.#run(frame, () => { if (!frame.intact()) throw overwritten(job.frameReference, job.frameId); }, job, signal);
  }

  async canary(): Promise<InferResult> {
    return this.#run(this.#blank, () => undefined, CANARY, new AbortController().signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#preprocessors.clear();
    this.#frames[Symbol.dispose]();
  }

  async #run(frame: SourceFrame, assertIntact: () => void, job: InferContext['config'], signal: AbortSignal): Promise<InferResult> {
    let preprocessMs = 0;
    const begun = performance.now();
    const detections = await this.#definition.infer(this.#state, {
      frame: viewOf(frame, assertIntact), signal,
      config: { confidenceThreshold: job.confidenceThreshold, iouThreshold: job.iouThreshold, maxDetections: job.maxDetections, ...(job.roi && { roi: job.roi }) },
      toTensor: (options = {}) => {
        const from = performance.now();
        const tensor = this.#tensor(frame, assertIntact, { ...(job.roi && { roi: job.roi }), ...options });
        preprocessMs += performance.now() - from;
        return tensor;
      },
    });
    return { detections: detections as InferResult['detections'], preprocessMs, inferenceMs: performance.now() - begun - preprocessMs, postprocessMs: 0 };
  }

  #tensor(frame: SourceFrame, assertIntact: () => void, { roi, ...options }: TensorOptions): FrameTensor {
    const format: InputFormat = { ...this.#format, ...options };
    const preprocessor = this.#preprocessors.get(JSON.stringify(format), () => new Preprocessor(format));
    const geometry = preprocessor.fillFrom(frame, roi, assertIntact);
    const { width, height } = format.size;
    return {
      data: preprocessor.tensor, dims: format.layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3],
      toFrame: ([left, top, right, bottom]): Box => [frameX(geometry, left), frameY(geometry, top), frameX(geometry, right), frameY(geometry, bottom)],
    };
  }
}

/** The mapping is read-only memory, in which a write ends the process, and the kernel may overtake its reader: the model gets a copy. */
function viewOf(frame: SourceFrame, assertIntact: () => void): FrameView {
  const { width, height, format, colourMatrix, colourRange, strides } = frame;
  let planes: readonly Uint8Array[] | null = null;
  return {
    width, height, format, colourMatrix, colourRange, strides: [...strides],
    get planes() {
      if (planes === null) {
        const copies = frame.planes.map((plane) => Uint8Array.from(plane));
        assertIntact();
        planes = copies;
      }
      return planes;
    },
  };
}

let hooked = false;

/** Wherever the folder lies, '@ruth/container' is this package, and little of it. */
async function definitionOf(path: string): Promise<ModelDefinition<unknown>> {
  if (!hooked) {
    hooked = true;
    const sdk = new URL('../sdk/index.ts', import.meta.url).href;
    registerHooks({ resolve: (specifier, context, next) => (specifier === '@ruth/container' ? { url: sdk, format: 'module-typescript', shortCircuit: true } : next(specifier, context)) });
  }
  const { default: definition } = await import(pathToFileURL(path).href) as { default?: Partial<ModelDefinition<unknown>> };
  if (typeof definition?.load !== 'function' || typeof definition.infer !== 'function') throw new RuthError('model_invalid', 'its default export is not what defineModel({ load, infer }) gives');
  return definition as ModelDefinition<unknown>;
}

function blankFrame(width: number, height: number): SourceFrame {
  return {
    width, height, format: 'NV12', colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.full, strides: [width, width],
    planes: [Buffer.alloc(width * height, 114), Buffer.alloc(width * height / 2, 128)],
  };
}
