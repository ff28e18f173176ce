// A server of the Open Inference Protocol (KServe v2; Triton, OpenVINO Model Server and others speak it), over HTTP or gRPC.
import type { OipTensor } from './oip-tensor.ts';

/** Which model, and how long its server has for each answer. */
export interface OipTarget {
  readonly url: string;
  readonly model: string;
  readonly version?: string;
  readonly timeoutMs: number;
}

export interface OipPort { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }

export interface OipModel { readonly inputs: readonly OipPort[]; readonly outputs: readonly OipPort[] }

/** Every call throws `unreachable` where nobody answers, `timeout` past the target's limit, and `inference_failed` for what the server says is wrong. */
export interface OipClient extends AsyncDisposable {
  /** Of the model; false where the server has it not (yet). */
  isReady(): Promise<boolean>;
  describe(): Promise<OipModel>;
  /** The outputs named, in that order. */
  infer(inputs: readonly OipTensor[], outputs: readonly string[]): Promise<OipTensor[]>;
}

/** More than any model gives; a server that sends on is not waited for. */
export const MOST_ANSWER_BYTES = 256 << 20;

export async function openClient(target: OipTarget): Promise<OipClient> {
  if (/^https?:/.test(target.url)) return (await import('./oip-http.ts')).OipHttp.open(target);
  return new (await import('./oip-grpc.ts')).OipGrpc(target);
}
