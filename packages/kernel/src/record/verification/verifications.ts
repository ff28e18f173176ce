// Looking into recordings at the wish of somebody, while the kernel goes on: in a process of its own, one at a time, with progress. The last ones
// are remembered with what was found.
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { RuthError, type Verification, type VerificationRequest } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FromVerification, VerificationTask } from './messages.ts';

const MOST_REMEMBERED = 10;
/** Forever is no answer: a disk that does not answer any more is told. */
const SILENCE_LIMIT_MS = 10 * 60_000;

interface Known { readonly status: { -readonly [K in keyof Verification]: Verification[K] }; readonly child: ChildProcess; readonly ended: Promise<void> }

export class Verifications implements AsyncDisposable {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #known = new Map<string, Known>();

  /** `directory`: of the recordings. */
  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Newest first. */
  list(): Verification[] { return [...this.#known.values()].map(({ status }) => status).toReversed(); }

  /** Throws `not_found`. */
  status(id: string): Verification { return this.#get(id).status; }

  /** Throws `invalid_state` while another runs. */
  start({ cameras = null, decode = false }: { readonly cameras?: VerificationRequest['cameras'] | null; readonly decode?: boolean }): Verification {
    const other = this.list().find(({ state }) => state === 'running');
    if (other) throw new RuthError('invalid_state', `the recordings are being looked into already (${other.verification_id}, ${other.files_done} of ${other.files} files); wait for it, or cancel it`);
    const child = fork(new URL('./verification-main.ts', import.meta.url), [], { execArgv: ['--single-threaded-gc'], stdio: ['ignore', this.#logger.level === 'silent' ? 'ignore' : 'inherit', 'inherit', 'ipc'] });
    const status: Known['status'] = {
      verification_id: randomBytes(8).toString('hex'), cameras, decode, state: 'running', began_at: Date.now() / 1000, ended_at: null, files_done: 0, files: 0, results: [], error: null, error_code: null,
    };
    this.#known.set(status.verification_id, { status, child, ended: this.#follow(status, child) });
    child.send({ directory: this.#directory, cameras, decode } satisfies VerificationTask, () => undefined);
    for (const old of [...this.#known.keys()].slice(0, -MOST_REMEMBERED)) this.#known.delete(old);
    return status;
  }

  /** Cancels one that runs; one that has ended is forgotten. Throws `not_found`. */
  async remove(id: string): Promise<void> {
    const { status, child, ended } = this.#get(id);
    if (status.state !== 'running') {
      this.#known.delete(id);
      return;
    }
    status.state = 'cancelled';
    // It only reads.
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.list().filter(({ state }) => state === 'running').map(({ verification_id }) => this.remove(verification_id)));
  }

  async #follow(status: Known['status'], child: ChildProcess): Promise<void> {
    const fail = (error: RuthError): void => {
      if (status.state !== 'running') return;
      Object.assign(status, { state: 'failed', error: error.message, error_code: error.code });
      child.kill('SIGKILL');
    };
    const silence = setTimeout(() => fail(new RuthError('timeout', `a file could not be read within ${SILENCE_LIMIT_MS / 60_000} minutes: check the disk`)), SILENCE_LIMIT_MS);
    child.on('message', (message: FromVerification) => {
      silence.refresh();
      if (message.type === 'progress') Object.assign(status, { files_done: message.done, files: message.total });
      else if (message.type === 'camera') status.results.push(message.result);
      else if (message.type === 'failed') fail(new RuthError(message.code, message.message));
      else if (status.state === 'running') status.state = 'done';
    });
    await once(child, 'exit').catch((cause: unknown) => fail(RuthError.from(cause)));
    clearTimeout(silence);
    fail(new RuthError('internal', 'the process that looked into the recordings ended before it was through; see the log of the kernel'));
    status.ended_at = Date.now() / 1000;
    const { state, error, files_done: files, results } = status;
    this.#logger.info({ state, error, files, findings: results.reduce((sum, { counts }) => sum + Object.values(counts).reduce((a, b) => a + b, 0), 0) }, 'looked into the recordings');
  }

  #get(id: string): Known {
    const known = this.#known.get(id);
    if (!known) throw new RuthError('not_found', `there is no verification ${id}; the last ${MOST_REMEMBERED} are remembered, and not over a restart`);
    return known;
  }
}
