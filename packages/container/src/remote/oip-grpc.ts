// The Open Inference Protocol over gRPC: tensors as bytes, both ways.
import { credentials, loadPackageDefinition, status, type Client, type ServiceError, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { RuthError } from '@ruth/protocol/base';
import { MOST_ANSWER_BYTES, tooLate, waitMs, type OipClient, type OipModel, type OipPort, type OipTarget } from './oip-client.ts';
import type { OipTensor } from './oip-tensor.ts';

export const PROTOCOL_FILE = new URL('open-inference.proto', import.meta.url).pathname;

type Method = 'ServerReady' | 'ModelReady' | 'ModelMetadata' | 'ModelInfer';
type Call = (request: object, options: { deadline: number }, done: (error: ServiceError | null, answer: unknown) => void) => void;

interface InferAnswer {
  readonly outputs: readonly (OipPort & { readonly contents: Readonly<Record<string, readonly number[]>> | null })[];
  readonly raw_output_contents: readonly Buffer[];
}

/** A server that comes back is found again within this. */
const MOST_BACK_OFF_MS = 2000;

export class OipGrpc implements OipClient {
  readonly #target: OipTarget;
  readonly #client: Client;

  constructor(target: OipTarget) {
    this.#target = target;
    const { inference } = loadPackageDefinition(openInference()) as unknown as { inference: { GRPCInferenceService: ServiceClientConstructor } };
    const { protocol, host } = new URL(target.url);
    this.#client = new inference.GRPCInferenceService(host, protocol === 'grpcs:' ? credentials.createSsl() : credentials.createInsecure(), {
      'grpc.max_receive_message_length': MOST_ANSWER_BYTES, 'grpc.max_send_message_length': -1, 'grpc.max_reconnect_backoff_ms': MOST_BACK_OFF_MS, 'grpc.initial_reconnect_backoff_ms': 100,
      // A name of several addresses is several replicas: all are asked in turn.
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      // Sessions are threads of their own; a proxy of the environment is not asked.
      'grpc.enable_http_proxy': 0,
    });
  }

  async isReady(): Promise<boolean> {
    try {
      return (await this.#ask('ModelReady', this.#named()) as { ready: boolean }).ready;
    } catch (cause) {
      if (RuthError.from(cause).code === 'inference_failed') return false;
      throw cause;
    }
  }

  async describe(): Promise<OipModel> {
    const { inputs, outputs } = await this.#ask('ModelMetadata', this.#named()) as OipModel;
    return { inputs, outputs };
  }

  async infer(inputs: readonly OipTensor[], outputs: readonly string[], limitMs = Infinity): Promise<OipTensor[]> {
    const answer = await this.#ask('ModelInfer', {
      model_name: this.#target.model, model_version: this.#target.version ?? '', inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      outputs: outputs.map((name) => ({ name })), raw_input_contents: inputs.map(({ data }) => data),
    }, limitMs) as InferAnswer;
    return outputs.map((name) => {
      const index = answer.outputs.findIndex((one) => one.name === name);
      const port = answer.outputs[index];
      if (!port) throw new RuthError('inference_failed', `${this.#target.url} was asked for ${name} and gave ${answer.outputs.map((one) => one.name).join(', ') || 'nothing'}`);
      const { datatype, shape, contents } = port;
      return { name, datatype, shape, data: answer.raw_output_contents[index] ?? Object.values(contents ?? {}).find((numbers) => numbers.length > 0) ?? [] };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
  }

  #named(): object {
    return { name: this.#target.model, version: this.#target.version ?? '' };
  }

  /** The deadline travels with the call: the server can give it up too. */
  async #ask(method: Method, request: object, limitMs = Infinity): Promise<unknown> {
    const { url } = this.#target;
    const answerMs = waitMs(this.#target, limitMs);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    (this.#client as unknown as Record<Method, Call>)[method](request, { deadline: Date.now() + answerMs }, (error, answer) => {
      if (!error) resolve(answer);
      else if (error.code === status.DEADLINE_EXCEEDED) reject(tooLate(this.#target, answerMs, error));
      else if (error.code === status.UNAVAILABLE) reject(new RuthError('unreachable', `${url} cannot be reached: ${error.details.slice(0, 300)}`, { cause: error }));
      else reject(new RuthError('inference_failed', `${url} answers ${status[error.code]}: ${error.details.slice(0, 500)}`, { cause: error }));
    });
    return promise;
  }
}

/** What the protocol's file says, as gRPC takes it. */
export function openInference(): ReturnType<typeof loadSync> {
  return loadSync(PROTOCOL_FILE, { keepCase: true, longs: Number, defaults: true });
}
