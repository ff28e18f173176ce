// Kernel and core of a node that may be running, asked over their Unix sockets. Every wait is limited.
import { request } from 'node:http';
import {
  CameraStatus, coreSocketPath, ERRORS, ErrorBody, kernelSocketPath, RuthError, validator, type CameraConfig, type CameraSubscriptions, type ErrorCode, type Settings,
} from '@ruth/protocol';

/** A camera that hangs is killed after two seconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 16 << 20;
const errorBody = validator(ErrorBody);
const cameraStatus = validator(CameraStatus);

export class RunningNode {
  readonly #kernel: string;
  readonly #core: string;

  constructor({ socketDirectory }: Pick<Settings, 'socketDirectory'>) {
    this.#kernel = kernelSocketPath(socketDirectory);
    this.#core = coreSocketPath(socketDirectory);
  }

  /** Throws `unreachable` where no kernel runs. */
  async cameras(): Promise<CameraStatus[]> {
    const list = await ask(this.#kernel, 'GET', '/v1/cameras');
    return (Array.isArray(list) ? list : [list]).map((camera) => cameraStatus.parse(camera, 'internal'));
  }

  /** Throws `unreachable` where no kernel runs, else what kernel or core answered. A core that is away learns it from the file when it starts. */
  async putCamera(camera: CameraConfig, ofCore: CameraSubscriptions): Promise<void> {
    await ask(this.#kernel, 'PUT', `/v1/cameras/${camera.id}`, camera);
    await this.putIntent(camera.id, ofCore);
  }

  /** Which models look at the camera, and what its picture means. */
  async putIntent(id: string, ofCore: CameraSubscriptions): Promise<void> {
    await ifThere(ask(this.#core, 'PUT', `/v1/cameras/${id}`, ofCore));
  }

  /** Throws `unreachable` where no kernel runs. What is not there is removed already. */
  async removeCamera(id: string): Promise<void> {
    await ifThere(ask(this.#core, 'DELETE', `/v1/cameras/${id}`), 'camera_not_found');
    await ifThere(ask(this.#kernel, 'DELETE', `/v1/cameras/${id}`), 'camera_not_found', false);
  }
}

async function ifThere(asked: Promise<unknown>, gone?: ErrorCode, partMayBeAway = true): Promise<void> {
  try {
    await asked;
  } catch (cause) {
    const { code } = RuthError.from(cause);
    if (code !== gone && !(partMayBeAway && code === 'unreachable')) throw cause;
  }
}

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
