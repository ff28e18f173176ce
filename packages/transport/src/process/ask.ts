// Asks another process of this node: HTTP on its Unix socket. Every wait is limited.
import { request } from 'node:http';
import { ERRORS, ErrorBody, RuthError, validator, type ErrorCode } from '@ruth/protocol';

/** A camera that hangs is killed after two seconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 16 << 20;
const errorBody = validator(ErrorBody);

/** One request to a process of ours. Throws what it answers, and `unreachable` where nobody listens. */
export function ask(socketPath: string, method: string, path: string, body?: unknown, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const outgoing = request({ socketPath, method, path, headers, timeout: timeoutMs }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
        if (answer.length > MAX_ANSWER_BYTES) response.destroy();
      });
      response.on('error', fail);
      response.on('close', () => {
        try {
          const parsed: unknown = answer === '' ? null : JSON.parse(answer);
          if (response.statusCode! < 300) resolve(parsed);
          else if (errorBody.check(parsed) && parsed.error_code in ERRORS) reject(new RuthError(parsed.error_code as ErrorCode, parsed.error));
          else reject(new RuthError('internal', `${socketPath} answered status ${response.statusCode}`));
        } catch (cause) {
          reject(new RuthError('internal', `${socketPath} answered broken JSON`, { cause }));
        }
      });
    });
    function fail(cause: Error): void {
      const { code } = cause as NodeJS.ErrnoException;
      if (cause instanceof RuthError) reject(cause);
      else if (code === 'EACCES') reject(new RuthError('forbidden', `${socketPath} is another user's`, { cause }));
      else reject(new RuthError('unreachable', `nothing answers at ${socketPath}`, { cause }));
    }
    outgoing.on('error', fail);
    outgoing.on('timeout', () => outgoing.destroy(new RuthError('timeout', `${socketPath} did not answer within ${timeoutMs} ms`)));
    outgoing.end(text);
  });
}
