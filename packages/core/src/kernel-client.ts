// Asks the kernel for frames over HTTP on its Unix socket. Every wait is limited; every answer is checked.
import { ERRORS, ErrorBody, LeaseGrant, RuthError, validator, type ErrorCode, type LeaseRequest } from '@ruth/protocol';
import { Agent } from 'undici';

const ANSWER_TIMEOUT_MS = 2000;
const CONNECTIONS = 4;
const MAX_ANSWER_BYTES = 64 * 1024;
const leaseGrant = validator(LeaseGrant);
const errorBody = validator(ErrorBody);

export class KernelClient implements AsyncDisposable {
  readonly #agent: Agent;

  constructor(socketPath: string) {
    this.#agent = new Agent({
      connect: { socketPath, timeout: ANSWER_TIMEOUT_MS }, connections: CONNECTIONS,
      headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS, maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /** Takes or renews a lease. Throws what the kernel answered, `unreachable`, or `internal` where it answers nonsense. */
  async putLease(leaseId: string, request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant> {
    const { statusCode, body } = await this.#request('PUT', leaseId, signal, JSON.stringify(request));
    if (statusCode !== 200) throw refusal(statusCode, body);
    if (!leaseGrant.check(body) || body.camera_id !== request.camera_id) throw new RuthError('internal', 'the kernel answered a lease against the contract');
    return body;
  }

  async deleteLease(leaseId: string): Promise<void> {
    const { statusCode, body } = await this.#request('DELETE', leaseId, AbortSignal.timeout(ANSWER_TIMEOUT_MS), null);
    if (statusCode >= 300 && statusCode !== 404) throw refusal(statusCode, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #request(method: 'PUT' | 'DELETE', leaseId: string, signal: AbortSignal, body: string | null): Promise<{ statusCode: number; body: unknown }> {
    const headers = body === null ? {} : { 'content-type': 'application/json' };
    let text: string;
    let statusCode: number;
    // A timer that is cleared: AbortSignal.timeout() would live on for seconds after each answer.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`it did not answer within ${2 * ANSWER_TIMEOUT_MS} ms`)), 2 * ANSWER_TIMEOUT_MS);
    try {
      const response = await this.#agent.request({ origin: 'http://kernel', path: `/v1/leases/${leaseId}`, method, headers, body, signal: AbortSignal.any([signal, late.signal]) });
      statusCode = response.statusCode;
      text = await response.body.text();
    } catch (cause) {
      throw new RuthError('unreachable', `the kernel cannot be reached: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
    try {
      return { statusCode, body: text === '' ? null : JSON.parse(text) as unknown };
    } catch (cause) {
      throw new RuthError('internal', `the kernel answered status ${statusCode} with broken JSON`, { cause });
    }
  }
}

function refusal(statusCode: number, body: unknown): RuthError {
  if (errorBody.check(body) && body.error_code in ERRORS) return new RuthError(body.error_code as ErrorCode, body.error);
  return new RuthError('internal', `the kernel answered status ${statusCode}`);
}
