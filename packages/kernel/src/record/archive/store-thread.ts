// `ArchiveStore` in a thread of its own. Calls are answered in their order; how many may wait is bounded.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RuthError, type ErrorCode } from '@ruth/protocol';
import type { ArchiveStore } from './archive-store.ts';

export type StoreMethod = 'ownerBefore' | 'repair' | 'adopt' | 'claim' | 'asideSpans' | 'keyframes' | 'findAside' | 'unclaimed' | 'unclaimedFiles' | 'put' | 'get' | 'between' | 'filesAt' | 'kept' | 'usage' | 'putGap' | 'removeGap' | 'keep' | 'deletable' | 'extents' | 'timeline' | 'delete' | 'space' | 'close';
type Result<M extends StoreMethod> = Awaited<ReturnType<ArchiveStore[M]>>;

export interface StoreCall { readonly id: number; readonly method: StoreMethod | 'open'; readonly args: readonly unknown[] }
export type StoreAnswer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

const MOST_WAITING = 1024;

export class StoreThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: RuthError) => void }>();
  #nextId = 0;
  #ended: RuthError | null = null;

  private constructor(directory: string) {
    this.#worker = new Worker(new URL('./store-worker.ts', import.meta.url), { workerData: { directory } });
    this.#worker.on('message', (answer: StoreAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiting?.reject(new RuthError(answer.error.code, answer.error.message));
      else waiting?.resolve(answer.value);
    });
    this.#worker.on('error', (cause) => this.#end(new RuthError('internal', `the thread of the recordings' index ended: ${(cause as Error).message}`, { cause })));
    this.#worker.on('exit', () => this.#end(new RuthError('shutting_down', 'the index of the recordings is closed')));
  }

  /** Throws what `ArchiveStore.open` throws. */
  static async open(directory: string): Promise<StoreThread> {
    const thread = new StoreThread(directory);
    try {
      await thread.#send('open', []);
      return thread;
    } catch (error) {
      await thread.#worker.terminate();
      throw error;
    }
  }

  /** Throws what the method throws, `overloaded` where too many wait, `shutting_down` after the end. */
  async call<M extends StoreMethod>(method: M, ...args: Parameters<ArchiveStore[M]>): Promise<Result<M>> {
    if (this.#waiting.size >= MOST_WAITING) throw new RuthError('overloaded', 'too much is asked of the index of the recordings at once');
    return await this.#send(method, args) as Result<M>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#worker, 'exit');
    await this.#send('close', []).catch(() => undefined);
    await exited;
  }

  #send(method: StoreCall['method'], args: readonly unknown[]): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = this.#nextId++;
    this.#waiting.set(id, { resolve, reject });
    this.#worker.postMessage({ id, method, args } satisfies StoreCall);
    return promise;
  }

  #end(error: RuthError): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
