// Asks another process of this node: HTTP on its Unix socket. Every wait is limited, from the call to the whole answer.
import { request, type Agent, type ClientRequest } from 'node:http';
import { ERRORS, ErrorBody, RuthError, validator, type ErrorCode } from '@ruth/protocol';

export interface AskOptions {
  /** Of everything, waiting for a connection of `agent` included. */
  readonly timeoutMs?: number;
  /** Who asks often keeps its connections. */
  readonly agent?: Agent;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** A camera that hangs is killed after two seconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_ANSWER_CHARACTERS = 16 << 20;
const errorBody = validator(ErrorBody);

/**
 * What it answers, parsed; null where that is nothing. Throws the error that it answers, `unreachable` where nobody listens, `forbidden` at another user's
 * socket, `timeout`, `cancelled`, `internal` where the answer is none.
 */
export async function ask(socketPath: string, method: string, path: string, body?: unknown, { timeoutMs = ANSWER_TIMEOUT_MS, agent, signal }: AskOptions = {}): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const asked = request({ socketPath, method, path, headers, ...(agent && { agent }) });
  const stopped = Promise.withResolvers<never>();
  // One that waits for a connection hears of its own end only with the connection: so it is told here.
  const stop = (error: RuthError): void => {
    stopped.reject(error);
    asked.destroy();
  };
  const giveUp = (): void => stop(new RuthError('cancelled', `${socketPath} was asked by somebody who gave up`));
  const timer = setTimeout(() => stop(new RuthError('timeout', `${socketPath} did not answer within ${timeoutMs} ms`)), timeoutMs);
  if (signal?.aborted) giveUp();
  else signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const { status, answer } = await Promise.race([stopped.promise, answerTo(asked.end(text))]);
    return parsed(socketPath, status, answer);
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES') throw new RuthError('forbidden', `${socketPath} is another user's`, { cause });
    throw new RuthError('unreachable', code === 'ENOENT' || code === 'ECONNREFUSED' ? `nothing answers at ${socketPath}` : `${socketPath} cannot be asked: ${message}`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

function answerTo(asked: ClientRequest): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
        if (answer.length > MAX_ANSWER_CHARACTERS) response.destroy(new RuthError('internal', `an answer has more than ${MAX_ANSWER_CHARACTERS} characters`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, answer }));
    });
  });
}

function parsed(socketPath: string, status: number, answer: string): unknown {
  let value: unknown;
  try {
    value = answer === '' ? null : JSON.parse(answer);
  } catch (cause) {
    throw new RuthError('internal', `${socketPath} answered status ${status} with broken JSON`, { cause });
  }
  if (status < 300) return value;
  if (errorBody.check(value) && value.error_code in ERRORS) throw new RuthError(value.error_code as ErrorCode, value.error);
  throw new RuthError('internal', `${socketPath} answered status ${status}`);
}
