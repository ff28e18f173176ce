// A model on a server elsewhere: what is due to it is checked once, then each tensor goes there and back. Nothing is sent twice: whether
// a look is worth another try is the caller's to say.
import { RuthError } from '@ruth/protocol/base';
import type { OutputTensor } from '../decode/detections.ts';
import type { LoadedModel } from '../model/load-model.ts';
import type { InputFormat, TensorData } from '../preprocess/preprocessor.ts';
import { assertBatches, inputDims, inputFormat, pictureInput, type TensorPort } from '../session/model-inputs.ts';
import { sideInputs } from '../session/side-inputs.ts';
import type { TensorEngine } from '../session/tensor-engine.ts';
import { answerLimitMs } from './limits.ts';
import type { OipClient, OipModel, OipPort, OipTarget } from './oip-client.ts';
import { DATATYPES, datatypeOf, toOutput, type OipTensor } from './oip-tensor.ts';
import { openClient } from './open-client.ts';

export class RemoteEngine implements TensorEngine {
  readonly device = 'remote';
  readonly deviceReason = 'a server elsewhere runs it, on what that has';
  readonly input: InputFormat;
  readonly outputs: readonly TensorPort[];
  readonly #client: OipClient;
  readonly #pictureName: string;
  readonly #side: readonly OipTensor[];
  readonly #names: readonly string[];
  readonly #origin: string;
  /** Of the largest batch. */
  #picture: Uint8Array = new Uint8Array();

  private constructor(client: OipClient, model: OipModel, { manifest }: LoadedModel, origin: string, maxBatch: number) {
    this.#client = client;
    this.#origin = origin;
    const { picture, others } = pictureInput(model.inputs.map(portOf), origin);
    this.input = inputFormat(picture, manifest, origin);
    if (maxBatch > 1) assertBatches(picture, others, origin);
    this.#pictureName = picture.name;
    this.#side = sideInputs(others, this.input.size, origin).map(({ name, type, data, dims }) => ({ name, datatype: datatypeOf(type), shape: dims, data: bytesOf(data) }));
    const names = model.outputs.map(({ name }) => name);
    const wanted = manifest.output_schema.output;
    if (wanted !== undefined && !names.includes(wanted)) throw new RuthError('model_invalid', `output_schema.output names ${JSON.stringify(wanted)}; the model's outputs are ${names.join(', ')}`);
    this.#names = wanted === undefined ? names : [wanted];
    this.outputs = model.outputs.map(portOf).filter(({ name }) => this.#names.includes(name));
  }

  /** Throws `unreachable` and `timeout` where the server, or the model there, is not ready, and `model_invalid` where it is not what the manifest says. */
  static async connect(model: LoadedModel, maxBatch = 1): Promise<RemoteEngine> {
    const { model_id, remote } = model.manifest;
    const { url, version, model: name = model_id } = remote!;
    const target: OipTarget = { url, model: name, timeoutMs: answerLimitMs(remote!), ...(version !== undefined && { version }) };
    const origin = `${url}, model ${name}`;
    const client = await openClient(target);
    try {
      if (!await client.isReady()) throw new RuthError('unreachable', `${origin}: the server answers, but says that the model is not ready`);
      return new RemoteEngine(client, await client.describe(), model, origin, maxBatch);
    } catch (cause) {
      await client[Symbol.asyncDispose]();
      throw cause;
    }
  }

  bind(tensor: TensorData): void { this.#picture = bytesOf(tensor); }

  /** Several pictures travel as one tensor, and only as many as there are. */
  async run(pictures = 1, limitMs = Infinity): Promise<Record<string, OutputTensor>> {
    const { input } = this;
    const [, ...dims] = inputDims(input);
    const datatype = datatypeOf(input.dtype);
    const bytes = dims.reduce((product, size) => product * size, DATATYPES[datatype]!.bytes);
    const picture = { name: this.#pictureName, datatype, shape: [pictures, ...dims], data: this.#picture.subarray(0, pictures * bytes) };
    return Object.fromEntries((await this.#client.infer([picture, ...this.#side], this.#names, limitMs)).map((tensor) => [tensor.name, toOutput(tensor)]));
  }

  async assertReady(): Promise<void> {
    if (!await this.#client.isReady()) throw new RuthError('unreachable', `${this.#origin}: the server says that the model is not ready`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

function portOf({ name, datatype, shape }: OipPort): TensorPort {
  // JSON of some servers holds sizes as text.
  return { name, type: DATATYPES[datatype]?.type ?? datatype, shape: shape.map(Number) };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
