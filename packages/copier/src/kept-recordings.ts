// What the kernel keeps, as it tells it on its socket. Files are asked of it, not read from the disk: it alone knows which are whole.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { KeptFiles, RuthError, validator, type KeptFile } from '@ruth/protocol';
import { ask } from '@ruth/transport';

const ANSWER_TIMEOUT_MS = 10_000;
const keptFiles = validator(KeptFiles);

export class KeptRecordings {
  readonly #socketPath: string;

  constructor(kernelSocketPath: string) { this.#socketPath = kernelSocketPath; }

  /** In the order of their names. Throws what the kernel answers, `unreachable`, `timeout`. */
  async *files(signal: AbortSignal): AsyncGenerator<KeptFile> {
    for (let after = ''; ;) {
      const some = keptFiles.parse(await ask(this.#socketPath, 'GET', `/v1/kept?after=${encodeURIComponent(after)}`, undefined, { timeoutMs: ANSWER_TIMEOUT_MS, signal }), 'internal');
      if (some.length === 0) return;
      yield* some;
      after = some.at(-1)!.file;
    }
  }

  /** The bytes of a file. Throws `not_recorded` where it is gone by now, else as `files`. */
  async read({ file, camera_id: cameraId, bytes }: KeptFile, signal: AbortSignal): Promise<IncomingMessage> {
    const name = file.slice(file.lastIndexOf('/') + 1);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asked = request({ socketPath: this.#socketPath, path: `/v1/cameras/${cameraId}/segments/${name}`, signal, timeout: ANSWER_TIMEOUT_MS });
    asked.on('response', resolve).on('error', reject).on('timeout', () => asked.destroy(new Error(`no byte for ${ANSWER_TIMEOUT_MS} ms`))).end();
    const answer = await promise.catch((cause: Error) => { throw new RuthError('unreachable', `the kernel cannot be asked for ${file}: ${cause.message}`, { cause }); });
    if (answer.statusCode === 200 && answer.headers['content-length'] === String(bytes)) return answer;
    answer.destroy();
    throw new RuthError('not_recorded', `the kernel has no ${file} of ${bytes} bytes any more (status ${answer.statusCode})`);
  }
}
