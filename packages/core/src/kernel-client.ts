// Asks the kernel for frames over HTTP on its Unix socket. Every wait is limited; every answer is checked.
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { ERRORS, ErrorBody, LeaseGrant, RuthError, validator, type ErrorCode, type LeaseRequest } from '@ruth/protocol';

const ANSWER_TIMEOUT_MS = 2000;
const CONNECTIONS = 4;
const MAX_ANSWER_CHARACTERS = 64 * 1024;
const leaseGrant = validator(LeaseGrant);
const errorBody = validator(ErrorBody);

export class KernelClient implements AsyncDisposable {
  readonly #socketPath: string;
  /** Node's own client: undici's keeps what it made for a request until the next collection of the whole heap (docs/design/findings.md). */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Takes or renews a lease. Throws what the kernel answered, `unreachable`, or `internal` where it answers nonsense. */
  async putLease(leaseId: string, request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant> {
    const { statusCode, body } = await this.#request('PUT', leaseId, signal, JSON.stringify(request));
    if (statusCode !== 200) throw refusal(statusCode, body);
    if (!leaseGrant.check(body) || body.camera_id !== request.camera_id) throw new RuthError('internal', 'the kernel answered a lease against the contract');
    return body;
  }

  async deleteLease(leaseId: string): Promise<void> {
    const { statusCode, body } = await this.#request('DELETE', leaseId, null, null);
    if (statusCode >= 300 && statusCode !== 404) throw refusal(statusCode, body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }

  /** From the call to the whole answer, waiting for a connection included, ANSWER_TIMEOUT_MS. */
  async #request(method: 'PUT' | 'DELETE', leaseId: string, signal: AbortSignal | null, body: string | null): Promise<{ statusCode: number; body: unknown }> {
    const headers = body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request({ socketPath: this.#socketPath, path: `/v1/leases/${leaseId}`, method, headers, agent: this.#agent });
    const stopped = Promise.withResolvers<never>();
    // One that waits for a connection hears of its own end only with the connection: so it is told here.
    const stop = (message: string): void => {
      stopped.reject(new Error(message));
      asked.destroy();
    };
    const giveUp = (): void => stop('the caller gave up');
    const timer = setTimeout(() => stop(`it did not answer within ${ANSWER_TIMEOUT_MS} ms`), ANSWER_TIMEOUT_MS);
    if (signal?.aborted) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
    let statusCode: number;
    let text: string;
    try {
      ({ statusCode, text } = await Promise.race([stopped.promise, answerTo(asked.end(body ?? undefined))]));
    } catch (cause) {
      throw new RuthError('unreachable', `the kernel cannot be reached: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
    try {
      return { statusCode, body: text === '' ? null : JSON.parse(text) as unknown };
    } catch (cause) {
      throw new RuthError('internal', `the kernel answered status ${statusCode} with broken JSON`, { cause });
    }
  }
}

function answerTo(asked: ClientRequest): Promise<{ statusCode: number; text: string }> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_CHARACTERS) response.destroy(new Error(`it answered more than ${MAX_ANSWER_CHARACTERS} characters`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ statusCode: response.statusCode!, text }));
    });
  });
}

function refusal(statusCode: number, body: unknown): RuthError {
  if (errorBody.check(body) && body.error_code in ERRORS) return new RuthError(body.error_code as ErrorCode, body.error);
  return new RuthError('internal', `the kernel answered status ${statusCode}`);
}
