// An ONNX Runtime session with one image as its input and tensors kept between runs. `run()` blocks the calling thread
// for the whole inference, so it belongs in a worker thread.
import * as ort from 'onnxruntime-node';
import { RuthError } from '@ruth/protocol/base';
import type { OutputTensor } from '../decode/detections.ts';
import type { LoadedModel } from '../model/load-model.ts';
import type { InputFormat, TensorData } from '../preprocess/preprocessor.ts';
import { SimdMemory } from '../simd/simd-memory.ts';
import { assertBatches, inputDims, inputFormat, pictureInput, type TensorPort } from './model-inputs.ts';
import { sideInputs } from './side-inputs.ts';
import type { TensorEngine } from './tensor-engine.ts';

/** From so many numbers on an output is worth memory in which it is searched sixteen at a time. */
const SEARCHED_AT_ONCE = 65_536;

type Device = 'cpu' | 'cuda' | 'webgpu';
interface DeviceChoice { readonly device: Device; readonly reason: string }

export class OnnxSession implements TensorEngine {
  readonly device: Device;
  readonly deviceReason: string;
  readonly input: InputFormat;
  readonly outputs: readonly TensorPort[];
  readonly #session: ort.InferenceSession;
  readonly #outputNames: readonly string[];
  readonly #pictureName: string;
  /** Inputs beside the picture, which never change. */
  readonly #side: Readonly<Record<string, ort.Tensor>>;
  /** By the number of pictures. */
  #feeds: readonly Record<string, ort.Tensor>[] = [];
  /** Where the shape is fixed the same memory is filled each time. */
  readonly #fetches: Record<string, ort.Tensor | null>;

  private constructor(session: ort.InferenceSession, { device, reason }: DeviceChoice, model: LoadedModel, maxBatch: number) {
    this.#session = session;
    this.device = device;
    this.deviceReason = reason;
    const { picture, others } = pictureInput(session.inputMetadata.map(portOf), model.weightsPath);
    this.input = inputFormat(picture, model.manifest, model.weightsPath);
    this.#pictureName = picture.name;
    if (maxBatch > 1) assertBatches(picture, others, model.weightsPath);
    this.#side = Object.fromEntries(sideInputs(others, this.input.size, model.weightsPath).map(({ name, type, data, dims }) => [name, new ort.Tensor(type, data, dims)]));
    const wanted = model.manifest.output_schema.output;
    if (wanted !== undefined && !session.outputNames.includes(wanted)) {
      throw new RuthError('model_invalid', `output_schema.output names ${JSON.stringify(wanted)}; the model's outputs are ${session.outputNames.join(', ')}`);
    }
    this.#outputNames = wanted === undefined ? session.outputNames : [wanted];
    this.outputs = session.outputMetadata.map(portOf).filter(({ name }) => this.#outputNames.includes(name));
    this.#fetches = Object.fromEntries(this.#outputNames.map((name) => [name, keptOutput(session.outputMetadata.find((output) => output.name === name))]));
  }

  /** Throws `model_invalid` where ONNX Runtime or the manifest cannot agree with the weights, `device_unavailable`. */
  static async create(model: LoadedModel, threads: number, maxBatch = 1): Promise<OnnxSession> {
    const { device = 'auto', gpu_required = false, cpu_fallback_allowed = !gpu_required } = model.manifest.resource_requirements ?? {};
    if (device === 'auto' || device === 'cpu') {
      if (gpu_required) throw new RuthError('device_unavailable', `gpu_required is set; name the device in resource_requirements.device: cuda or webgpu`);
      const reason = device === 'cpu' ? 'as asked' : 'auto takes the CPU; a GPU is used where it is named: cuda or webgpu';
      return new OnnxSession(await open(model, 'cpu', threads), { device: 'cpu', reason }, model, maxBatch);
    }
    try {
      return new OnnxSession(await open(model, device, threads), { device, reason: 'as asked' }, model, maxBatch);
    } catch (cause) {
      // ONNX Runtime does not fall back by itself.
      const reason = `${device} cannot be used here: ${(cause as Error).message}`;
      if (!cpu_fallback_allowed) throw new RuthError('device_unavailable', reason, { cause });
      return new OnnxSession(await open(model, 'cpu', threads), { device: 'cpu', reason }, model, maxBatch);
    }
  }

  bind(tensor: TensorData): void {
    const [, ...dims] = inputDims(this.input);
    const length = dims.reduce((product, size) => product * size, 1);
    this.#feeds = Array.from({ length: tensor.length / length }, (_, index) => ({
      ...this.#side, [this.#pictureName]: new ort.Tensor(this.input.dtype, tensor.subarray(0, (index + 1) * length), [index + 1, ...dims]),
    }));
  }

  async run(pictures = 1): Promise<Record<string, OutputTensor>> {
    let results: ort.InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(this.#feeds[pictures - 1]!, this.#fetches);
    } catch (cause) {
      throw new RuthError('inference_failed', `ONNX Runtime: ${(cause as Error).message}`, { cause });
    }
    const outputs: Record<string, OutputTensor> = {};
    for (const name of this.#outputNames) {
      const tensor = results[name] as ort.Tensor;
      const { data, dims } = tensor;
      if (typeof data === 'string' || Array.isArray(data)) throw new RuthError('inference_failed', `output ${name} holds text, not numbers`);
      const kept = this.#fetches[name];
      if (kept) outputs[name] = { dims, data: kept.data as Float32Array };
      else outputs[name] = { dims, data: data instanceof Float32Array ? data.slice() : Float32Array.from(data as ArrayLike<number | bigint>, Number) };
      // Each run wraps its outputs in memory that the collector counts as new, also where they lie in kept memory. Left to it,
      // that made a whole collection a second at 5 runs a second: 9 ms of CPU a run. Let go at once, it costs nothing.
      (data.buffer as ArrayBuffer).transfer(0);
    }
    return outputs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

async function open(model: LoadedModel, device: Device, threads: number): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model.weightsPath, {
      executionProviders: [device], intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3,
      // Threads that wait by spinning take the cores that other processes need.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  } catch (cause) {
    throw new RuthError('model_invalid', `${model.weightsPath} cannot be loaded on ${device}: ${(cause as Error).message}`, { cause });
  }
}

/** What is no tensor can be given nothing. */
function portOf(meta: ort.InferenceSession.ValueMetadata): TensorPort {
  return meta.isTensor ? { name: meta.name, type: meta.type, shape: meta.shape } : { name: meta.name, type: 'no tensor', shape: [] };
}

function keptOutput(meta: ort.InferenceSession.ValueMetadata | undefined): ort.Tensor | null {
  if (!meta?.isTensor || meta.type !== 'float32' || meta.shape.length === 0 || !meta.shape.every((size) => typeof size === 'number' && size > 0)) return null;
  const dims = meta.shape as number[];
  const length = dims.reduce((product, size) => product * size, 1);
  return new ort.Tensor('float32', length < SEARCHED_AT_ONCE ? new Float32Array(length) : SimdMemory.floats(length), dims);
}
