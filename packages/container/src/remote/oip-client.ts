// A server of the Open Inference Protocol (KServe v2; Triton, OpenVINO Model Server and others speak it), over HTTP or gRPC.
import { RuthError } from '@ruth/protocol/base';
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
  /** The outputs named, in that order. `limitMs`: where less than the target's limit, past which it is given up with `deadline_exceeded`. */
  infer(inputs: readonly OipTensor[], outputs: readonly string[], limitMs?: number): Promise<OipTensor[]>;
}

/** How long an answer is waited for. Throws `deadline_exceeded` where that is over. */
export function waitMs(target: OipTarget, limitMs: number): number {
  if (limitMs <= 0) throw tooLate(target, 0);
  return Math.min(target.timeoutMs, Math.ceil(limitMs));
}

/** A look that had less time than a server has says nothing of the server. */
export function tooLate({ url, timeoutMs }: OipTarget, limitMs: number, cause?: unknown): RuthError {
  return limitMs < timeoutMs ? new RuthError('deadline_exceeded', `${url} was asked too late for the deadline, or took too long for it`, { cause }) : new RuthError('timeout', `${url} gave no answer within ${timeoutMs} ms`, { cause });
}

/** More than any model gives; a server that sends on is not waited for. */
export const MOST_ANSWER_BYTES = 256 << 20;
