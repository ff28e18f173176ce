// A model on a server elsewhere, and the same model here for when that is away: each look is made by one of both, and says by which. The server
// is asked again on the side, and has the looks back as soon as it answers.
import { RuthError } from '@ruth/protocol/base';
import type { OutputTensor } from '../decode/detections.ts';
import type { LoadedModel } from '../model/load-model.ts';
import type { InputFormat, TensorData } from '../preprocess/preprocessor.ts';
import type { TensorPort } from '../session/model-inputs.ts';
import { OnnxSession } from '../session/onnx-session.ts';
import type { TensorEngine } from '../session/tensor-engine.ts';
import { RemoteEngine } from './remote-engine.ts';

/** From one question whether the server is back to the next. */
const ASK_AGAIN_MS = 2000;
/** A server that was given no longer than this is not called slow. */
const LEAST_MS = 50;
const AWAY = ['unreachable', 'timeout', 'inference_failed'];

export class FallbackEngine implements TensorEngine {
  readonly deviceReason = 'a server elsewhere runs it, on what that has; while that is away the fallback looks here';
  readonly input: InputFormat;
  readonly outputs: readonly TensorPort[];
  readonly #model: LoadedModel;
  readonly #maxBatch: number;
  readonly #local: OnnxSession;
  /** Null where it was never there. */
  #remote: RemoteEngine | null;
  #away: boolean;
  #askedAtMs = performance.now();
  #asking: Promise<void> | null = null;
  #tensor: TensorData | null = null;

  private constructor(model: LoadedModel, maxBatch: number, local: OnnxSession, remote: RemoteEngine | null) {
    this.#model = model;
    this.#maxBatch = maxBatch;
    this.#local = local;
    this.#remote = remote;
    this.#away = remote === null;
    this.input = local.input;
    this.outputs = local.outputs;
  }

  /** Begins where the server is away, too. Throws `model_invalid` where one of both is not what the manifest says, or they are not alike; `device_unavailable`. */
  static async open(model: LoadedModel, threads: number, maxBatch: number): Promise<FallbackEngine> {
    const local = await OnnxSession.create(model, threads, maxBatch);
    try {
      return new FallbackEngine(model, maxBatch, local, await connected(model, maxBatch, local));
    } catch (cause) {
      await local[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** Of the last look, or the next. */
  get device(): string { return this.#away ? this.#local.device : 'remote'; }

  bind(tensor: TensorData): void {
    this.#tensor = tensor;
    this.#local.bind(tensor);
    this.#remote?.bind(tensor);
  }

  async run(pictures = 1, limitMs = Infinity): Promise<Record<string, OutputTensor>> {
    if (this.#away) {
      if (performance.now() - this.#askedAtMs > ASK_AGAIN_MS) this.#asking ??= this.#ask().finally(() => { this.#asking = null; });
      return this.#local.run(pictures);
    }
    try {
      return await this.#remote!.run(pictures, limitMs);
    } catch (cause) {
      const { code } = RuthError.from(cause);
      if (!AWAY.includes(code) && !(code === 'deadline_exceeded' && limitMs > LEAST_MS)) throw cause;
      this.#away = true;
      this.#askedAtMs = performance.now();
      return this.#local.run(pictures);
    }
  }

  /** The fallback is always ready. */
  async assertReady(): Promise<void> {
    if (this.#away) await (this.#asking ??= this.#ask().finally(() => { this.#asking = null; }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#asking;
    await this.#remote?.[Symbol.asyncDispose]();
    await this.#local[Symbol.asyncDispose]();
  }

  /** A server whose model became another is not taken back: its session is replaced where it answers the canary otherwise. */
  async #ask(): Promise<void> {
    this.#askedAtMs = performance.now();
    try {
      if (this.#remote) await this.#remote.assertReady();
      else {
        this.#remote = await connected(this.#model, this.#maxBatch, this.#local);
        if (!this.#remote) return;
        if (this.#tensor) this.#remote.bind(this.#tensor);
      }
      this.#away = false;
    } catch {
      // Away still; `remote` in the health of the container says so.
    }
  }
}

/** Null where it is away. Throws `model_invalid` for another model than the one here. */
async function connected(model: LoadedModel, maxBatch: number, local: OnnxSession): Promise<RemoteEngine | null> {
  let remote: RemoteEngine;
  try {
    remote = await RemoteEngine.connect(model, maxBatch);
  } catch (cause) {
    if (AWAY.includes(RuthError.from(cause).code)) return null;
    throw cause;
  }
  const problem = difference(remote, local);
  if (problem === null) return remote;
  await remote[Symbol.asyncDispose]();
  throw new RuthError('model_invalid', `${model.manifest.remote!.url} and ${model.weightsPath} are not the same model: ${problem}`);
}

/** Classes of one must never be told under the names of the other. */
function difference(remote: TensorEngine, local: TensorEngine): string | null {
  if (remote.input.layout !== local.input.layout || remote.input.dtype !== local.input.dtype) return `one takes ${remote.input.layout} ${remote.input.dtype}, the other ${local.input.layout} ${local.input.dtype}`;
  if (remote.outputs.length !== local.outputs.length) return `one gives ${remote.outputs.length} outputs, the other ${local.outputs.length}`;
  const stated = (size: number | string | undefined): size is number => typeof size === 'number' && size > 0;
  for (const [index, { name, shape }] of local.outputs.entries()) {
    const other = remote.outputs.find((one) => one.name === name) ?? remote.outputs[index]!;
    const differs = other.shape.length !== shape.length || shape.some((size, axis) => stated(size) && stated(other.shape[axis]) && size !== other.shape[axis]);
    if (differs) return `output ${name} is [${other.shape.join(', ')}] there and [${shape.join(', ')}] here`;
  }
  return null;
}
