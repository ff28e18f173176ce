// `StoreTasks` in a thread of its own, so that no query holds up who asks. Calls of one thread are answered in their order; how many
// may wait is bounded.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RuthError, type ErrorCode } from '@ruth/protocol/base';
import type { StoreAccess, StoreAddress } from './database.ts';
import type { StoreTasks } from './store-tasks.ts';

export type StoreTask = Exclude<keyof StoreTasks, symbol>;
export interface StoreCall { readonly id: number; readonly task: StoreTask | 'open'; readonly args: readonly unknown[] }
export type StoreAnswer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };
export interface StoreWorkerData { readonly address: StoreAddress; readonly access: StoreAccess }

const MOST_WAITING = 1024;

export class StoreThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 0;
  #ended: RuthError | null = null;

  constructor(workerData: StoreWorkerData) {
    this.#worker = new Worker(new URL('./store-worker.ts', import.meta.url), { workerData });
    this.#worker.on('message', (answer: StoreAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiting?.reject(new RuthError(answer.error.code, answer.error.message));
      else waiting?.resolve(answer.value);
    });
    this.#worker.on('error', (cause) => this.#end(new RuthError('store_unavailable', `the store's thread ended: ${(cause as Error).message}`, { cause })));
    this.#worker.on('exit', () => this.#end(new RuthError('shutting_down', 'the store is closed')));
  }

  /** To be called first. Throws `store_unavailable`, and then the thread is gone. */
  async open(): Promise<void> {
    try {
      await this.#send('open', []);
    } catch (error) {
      await this.#worker.terminate();
      throw error;
    }
  }

  /** Throws what the task throws, `overloaded` where too many wait, `shutting_down` after the end. */
  async call<T extends StoreTask>(task: T, ...args: Parameters<StoreTasks[T]>): Promise<Awaited<ReturnType<StoreTasks[T]>>> {
    if (this.#waiting.size >= MOST_WAITING) throw new RuthError('overloaded', 'too much is asked of the store at once');
    return await this.#send(task, args) as Awaited<ReturnType<StoreTasks[T]>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#worker, 'exit');
    await this.#send('close', []).catch(() => undefined);
    await exited;
  }

  #send(task: StoreCall['task'], args: readonly unknown[]): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const waiting = Promise.withResolvers<unknown>();
    const id = this.#nextId++;
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, task, args } satisfies StoreCall);
    return waiting.promise;
  }

  #end(error: RuthError): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
