// The kernel's side of the process that makes pictures: started with the first job, ended when idle, replaced when it dies
// or hangs. One job at a time; a queue that is full refuses, and a job that nobody waits for any more is not begun.
import { fork, type ChildProcess } from 'node:child_process';
import { RuthError } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { PictureAnswer, PictureJob } from './picture-messages.ts';

const MAX_WAITING = 32;
const JOB_LIMIT_MS = 15_000;
const IDLE_LIMIT_MS = 60_000;

interface Waiting {
  readonly job: () => Promise<Omit<PictureJob, 'id'>>;
  readonly signal: AbortSignal;
  readonly resolve: (jpeg: Buffer) => void;
  readonly reject: (error: RuthError) => void;
}

export class PictureProcess implements AsyncDisposable {
  readonly #logger: Logger;
  readonly #queue: Waiting[] = [];
  #child: ChildProcess | null = null;
  #idle: NodeJS.Timeout | undefined;
  #working: Promise<void> | null = null;
  #nextId = 1;
  #closed = false;

  constructor(logger: Logger) { this.#logger = logger; }

  /**
   * A JPEG. `job` is asked for its media when its turn has come. Throws `overloaded`, `timeout`, `stream_corrupt`, `cancelled`
   * where the signal came first, and what `job` throws.
   */
  async make(job: () => Promise<Omit<PictureJob, 'id'>>, signal: AbortSignal): Promise<Buffer> {
    if (this.#closed) throw new RuthError('shutting_down', 'the kernel is shutting down');
    if (this.#queue.length >= MAX_WAITING) throw new RuthError('overloaded', `${MAX_WAITING} pictures wait to be made already`);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#queue.push({ job, signal, resolve, reject });
    this.#working ??= this.#work().finally(() => { this.#working = null; });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#working;
  }

  async #work(): Promise<void> {
    clearTimeout(this.#idle);
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { signal, job, resolve, reject } = next;
      try {
        if (this.#closed) throw new RuthError('shutting_down', 'the kernel is shutting down');
        if (signal.aborted) throw new RuthError('cancelled', 'nobody waits for the picture any more');
        resolve(await this.#ask({ id: this.#nextId++, ...await job() }));
      } catch (cause) {
        reject(RuthError.from(cause));
      }
    }
    this.#idle = setTimeout(() => this.#end(), IDLE_LIMIT_MS);
    this.#idle.unref();
  }

  #ask(job: PictureJob): Promise<Buffer> {
    const child = this.#child ??= this.#start();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(limit);
        child.off('message', onMessage).off('exit', onExit).off('error', onError);
      };
      const fail = (error: RuthError): void => {
        settle();
        reject(error);
      };
      const onMessage = (answer: PictureAnswer): void => {
        if (answer.id !== job.id) return;
        settle();
        if ('jpeg' in answer) resolve(answer.jpeg);
        else reject(new RuthError(answer.code, answer.message));
      };
      const onExit = (): void => {
        this.#logger.warn('the process that makes pictures ended; the next picture starts another');
        fail(new RuthError('stream_corrupt', 'the decoder ended over this picture'));
      };
      const onError = (cause: Error): void => {
        if (this.#child === child) this.#end();
        fail(new RuthError('internal', `the process that makes pictures cannot be asked: ${cause.message}`, { cause }));
      };
      const limit = setTimeout(() => {
        this.#end();
        fail(new RuthError('timeout', `the picture was not made within ${JOB_LIMIT_MS} ms`));
      }, JOB_LIMIT_MS);
      child.on('message', onMessage).on('exit', onExit).on('error', onError);
      child.send(job, (error) => { if (error) onError(error); });
    });
  }

  #start(): ChildProcess {
    const child = fork(new URL('./picture-main.ts', import.meta.url), [], {
      serialization: 'advanced', stdio: ['ignore', this.#logger.level === 'silent' ? 'ignore' : 'inherit', 'inherit', 'ipc'],
    });
    const forget = (): void => { if (this.#child === child) this.#child = null; };
    child.on('exit', forget).on('error', forget);
    return child;
  }

  /** Nothing of it is worth an orderly end. */
  #end(): void {
    clearTimeout(this.#idle);
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }
}
