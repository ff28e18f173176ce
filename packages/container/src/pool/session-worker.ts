// A session in a thread of its own. Each request is answered: by the worker, or, where that crashed or takes longer
// than the limit, by `inference_failed`; the worker is then dead and must be replaced.
import { Worker } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol';
import type { InferJob, InferResult, WorkerRequest, WorkerResponse, WorkerSetup } from '../session/protocol.ts';

interface Pending {
  readonly id: number;
  readonly resolve: (result: InferResult) => void;
  readonly reject: (error: RuthError) => void;
}

export class SessionWorker {
  readonly #worker: Worker;
  readonly #started = Promise.withResolvers<string>();
  #pending: Pending | null = null;
  #lastId = 0;
  #dead: RuthError | null = null;
  #device = '';

  private constructor(setup: WorkerSetup) {
    this.#worker = new Worker(new URL('../session/worker.ts', import.meta.url), { workerData: setup, name: `session ${setup.model.manifest.model_id}` });
    this.#started.promise.catch(() => undefined);
    this.#worker.on('message', (response: WorkerResponse) => this.#receive(response));
    this.#worker.on('error', (cause) => this.#die(new RuthError('inference_failed', `the session's thread failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })));
    this.#worker.on('exit', (code) => this.#die(new RuthError('inference_failed', `the session's thread ended (code ${code})`)));
  }

  /** Loads the model and has it look once. Throws what `ModelSession.create` throws, `timeout` after `limitMs`. */
  static async start(setup: WorkerSetup, limitMs: number): Promise<SessionWorker> {
    const worker = new SessionWorker(setup);
    const timer = setTimeout(() => worker.#die(new RuthError('timeout', `the model was not loaded within ${limitMs} ms`)), limitMs);
    try {
      worker.#device = await worker.#started.promise;
      return worker;
    } catch (cause) {
      await worker.stop();
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  get device(): string { return this.#device; }
  get alive(): boolean { return this.#dead === null; }

  /** One at a time. */
  async run(job: InferJob | 'canary', limitMs: number): Promise<InferResult> {
    if (this.#dead) throw this.#dead;
    const { promise, resolve, reject } = Promise.withResolvers<InferResult>();
    const id = ++this.#lastId;
    this.#pending = { id, resolve, reject };
    const timer = setTimeout(() => this.#die(new RuthError('inference_failed', `the model gave no answer within ${limitMs} ms`)), limitMs);
    this.#worker.postMessage({ id, job } satisfies WorkerRequest);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending = null;
    }
  }

  /** Ends the thread; one that hangs in native code ends when it comes back, or with the process. */
  async stop(): Promise<void> {
    this.#die(new RuthError('shutting_down', 'the container is stopping'));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#worker.terminate(), new Promise((resolve) => { timer = setTimeout(resolve, 1000); })]);
    clearTimeout(timer);
  }

  #receive(response: WorkerResponse): void {
    if (response.type === 'ready') this.#started.resolve(response.device);
    else if (response.type === 'failed') this.#started.reject(new RuthError(response.code, response.message));
    else if (response.id !== this.#pending?.id) return;
    else if (response.type === 'result') this.#pending.resolve(response.result);
    else this.#pending.reject(new RuthError(response.code, response.message));
  }

  #die(error: RuthError): void {
    if (this.#dead) return;
    this.#dead = error;
    this.#started.reject(error);
    this.#pending?.reject(error);
    // Its end is not waited for: native code may hold it.
    void this.#worker.terminate();
    this.#worker.unref();
  }
}
