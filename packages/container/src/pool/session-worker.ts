// A session in a thread of its own. Each request is answered: by the worker, or, where that crashed or takes longer
// than the limit, by `inference_failed`; the worker is then given up and must be replaced.
//
// A thread is never terminated from outside: where an inference is under way, ONNX Runtime aborts the whole process.
// It is told to end, and does so when the inference is over.
import { constants, setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol/base';
import type { InferJob, JobResult, SessionStart, WorkerRequest, WorkerResponse, WorkerSetup } from '../session/protocol.ts';

interface Pending {
  readonly id: number;
  readonly resolve: (results: readonly JobResult[]) => void;
  readonly reject: (error: RuthError) => void;
}

export class SessionWorker {
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #started = Promise.withResolvers<SessionStart>();
  #pending: Pending | null = null;
  #lastId = 0;
  #failure: RuthError | null = null;
  #systemThreadId: number | null = null;

  /** Begins to load the model. */
  constructor(setup: WorkerSetup) {
    this.#worker = new Worker(new URL('../session/worker.ts', import.meta.url), { workerData: setup, name: `session ${setup.model.manifest.model_id}` });
    this.#started.promise.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#fail(new RuthError('inference_failed', `the session's thread ended (code ${code})`));
        resolve();
      });
    });
    this.#worker.on('message', (response: WorkerResponse) => this.#receive(response));
    this.#worker.on('error', (cause) => this.#fail(new RuthError('inference_failed', `the session's thread failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })));
  }

  /** Until the model is loaded and has looked once. Throws what `ModelSession.create` throws, `timeout`. */
  async started(limitMs: number): Promise<SessionStart> {
    const timer = setTimeout(() => this.giveUp(new RuthError('timeout', `the model was not loaded within ${limitMs} ms`)), limitMs);
    try {
      return await this.#started.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  get usable(): boolean { return this.#failure === null; }

  /**
   * One call at a time, of which each job is answered by itself. Throws `inference_failed` where the thread crashed or the limit passed: it is then no longer usable. A model that
   * listens hears when `unneeded` aborts.
   */
  async run(jobs: readonly InferJob[] | 'canary', limitMs: number, unneeded?: AbortSignal): Promise<readonly JobResult[]> {
    if (this.#failure) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<readonly JobResult[]>();
    const id = ++this.#lastId;
    this.#pending = { id, resolve, reject };
    const timer = setTimeout(() => this.giveUp(new RuthError('inference_failed', `the model gave no answer within ${limitMs} ms`)), limitMs);
    const cancel = (): void => this.#tell({ type: 'cancel', id });
    unneeded?.addEventListener('abort', cancel, { once: true });
    this.#tell({ type: 'run', id, jobs });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      unneeded?.removeEventListener('abort', cancel);
      this.#pending = null;
    }
  }

  /** Answers what runs with `error` and has the thread end; one that hangs in native code takes until then only what nobody else wants of a core. */
  giveUp(error: RuthError): void {
    this.end();
    if (this.#systemThreadId !== null) yieldCores(this.#systemThreadId);
    this.#fail(error);
  }

  /** Has the thread end after what runs. */
  end(): void {
    this.#tell({ type: 'end' });
    // From here on it does not keep the process alive.
    this.#worker.unref();
  }

  #tell(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(response: WorkerResponse): void {
    if (response.type === 'ready') {
      this.#systemThreadId = response.systemThreadId;
      this.#started.resolve(response);
    } else if (response.type === 'failed') this.#fail(new RuthError(response.code, response.message));
    else if (response.id !== this.#pending?.id) return;
    else if (response.type === 'result') this.#pending.resolve(response.results);
    else this.#pending.reject(new RuthError(response.code, response.message));
  }

  #fail(error: RuthError): void {
    this.#failure ??= error;
    this.#started.reject(error);
    this.#pending?.reject(error);
  }
}

/** On Linux a thread has a priority of its own. */
function yieldCores(systemThreadId: number): void {
  try {
    setPriority(systemThreadId, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended meanwhile.
  }
}
