// Asks kernel or core over HTTP on its Unix socket. Every wait is limited, every answer is checked against its schema,
// and a failure is a RuthError: `unreachable` and `timeout` where the part could not be asked, else the part's own code.
import type { Readable } from 'node:stream';
import { ERRORS, ErrorBody, RuthError, validator, type ErrorCode, type Validator } from '@ruth/protocol';
import { Agent, errors, type Dispatcher } from 'undici';

const ANSWER_TIMEOUT_MS = 3000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const errorBody = validator(ErrorBody);

export interface UpstreamAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
interface AskOptions { readonly headers?: Record<string, string>; readonly body?: string | Readable | null; readonly timeoutMs?: number; readonly signal?: AbortSignal }

export class Upstream implements AsyncDisposable {
  readonly name: string;
  readonly socketPath: string;
  readonly #agent: Agent;

  /** `name` is the part's name as a person knows it, e.g. `kernel`. */
  constructor(name: string, socketPath: string) {
    this.name = name;
    this.socketPath = socketPath;
    this.#agent = new Agent({
      connect: { socketPath, timeout: ANSWER_TIMEOUT_MS }, connections: 8,
      headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS, maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  async get<T>(path: string, schema: Validator<T>, options: Pick<AskOptions, 'timeoutMs' | 'signal'> = {}): Promise<T> { return this.#answerOf(path, await this.ask('GET', path, options), schema); }

  /** Null as `schema`: an answer without a body. Throws what the part answers. */
  async send<T = void>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown, schema: Validator<T> | null, timeoutMs = ANSWER_TIMEOUT_MS): Promise<T> {
    const json = body === null ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return this.#answerOf(path, await this.ask(method, path, { ...json, timeoutMs }), schema);
  }

  /** Hands on what comes, at the pace at which it is taken. Throws what the part answers. */
  async upload<T>(path: string, body: Readable, bytes: number, schema: Validator<T>, options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<T> {
    return this.#answerOf(path, await this.ask('POST', path, { headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes) }, body, ...options }), schema);
  }

  /** A picture. Throws what the part answers instead. */
  async bytes(path: string): Promise<Buffer> {
    const { statusCode, body } = await this.#request('GET', path, {});
    const bytes = Buffer.from(await body.arrayBuffer());
    if (statusCode === 200) return bytes;
    const answer = this.#parse(path, bytes.toString());
    throw errorBody.check(answer) && answer.error_code in ERRORS ? new RuthError(answer.error_code as ErrorCode, answer.error) : new RuthError('internal', `${this.name} answered ${path} with status ${statusCode}`);
  }

  /** The answer as it is. Throws `timeout`, `unreachable`. */
  async ask(method: Method, path: string, options: AskOptions = {}): Promise<UpstreamAnswer> {
    const { statusCode, headers, body } = await this.#request(method, path, options);
    try {
      return { statusCode, headers, text: await body.text() };
    } catch (cause) {
      throw this.#failure(cause, options.timeoutMs);
    }
  }

  async #request(method: Method, path: string, { headers = {}, body = null, timeoutMs = ANSWER_TIMEOUT_MS, signal }: AskOptions): Promise<Dispatcher.ResponseData> {
    const late = AbortSignal.timeout(2 * timeoutMs);
    try {
      return await this.#agent.request({ origin: `http://${this.name}`, path, method, headers, body, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, signal: signal ? AbortSignal.any([signal, late]) : late });
    } catch (cause) {
      if (signal?.aborted) throw RuthError.from(signal.reason, 'cancelled');
      throw this.#failure(cause, timeoutMs);
    }
  }

  #failure(cause: unknown, timeoutMs = ANSWER_TIMEOUT_MS): RuthError {
    const late = cause instanceof errors.HeadersTimeoutError || cause instanceof errors.BodyTimeoutError || (cause as Error).name === 'TimeoutError';
    if (late) return new RuthError('timeout', `${this.name} did not answer within ${timeoutMs} ms`, { cause });
    return new RuthError('unreachable', `${this.name} cannot be reached`, { cause });
  }

  #answerOf<T>(path: string, { statusCode, text }: UpstreamAnswer, schema: Validator<T> | null): T {
    const answer = this.#parse(path, text);
    if (statusCode === 204 && schema === null) return undefined as T;
    if (statusCode < 300 && schema !== null) {
      if (schema.check(answer)) return answer;
      const first = schema.violations(answer)[0];
      throw new RuthError('internal', `${this.name} answered ${path} against the contract: ${first?.pointer ?? ''} ${first?.message ?? ''}`);
    }
    if (errorBody.check(answer) && answer.error_code in ERRORS) throw new RuthError(answer.error_code as ErrorCode, answer.error, { problems: answer.problems ?? [] });
    throw new RuthError('internal', `${this.name} answered ${path} with status ${statusCode}`);
  }

  #parse(path: string, text: string): unknown {
    try {
      return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text;
    } catch (cause) {
      throw new RuthError('internal', `${this.name} answered ${path} with broken JSON`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}
