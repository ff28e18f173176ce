// The store as the rest of the server sees it: one thread writes, another reads, so that a search never holds up what is to be kept.
import { RuthError } from '@ruth/protocol/base';
import type { StoreHealth } from '@ruth/protocol';
import type { StoreAddress } from './database.ts';
import type { StoreTasks } from './store-tasks.ts';
import { StoreThread, type StoreTask } from './store-thread.ts';

type Call = <T extends StoreTask>(task: T, ...args: Parameters<StoreTasks[T]>) => Promise<Awaited<ReturnType<StoreTasks[T]>>>;

export interface Store extends AsyncDisposable {
  readonly write: Call;
  /** Sees what was written before it was asked. */
  readonly read: Call;
  /** As the last call found it. Where that failed it is tried anew, so that whoever asks again knows. */
  health(): StoreHealth;
}

/** Brings the database up to this version. Throws `store_unavailable`. */
export async function openStore(address: StoreAddress): Promise<Store> {
  const writer = new StoreThread({ address, access: 'writer' });
  await writer.open();
  /** Started when somebody first reads; one that could not be opened is tried anew. */
  let reader: Promise<StoreThread> | null = null;
  const startReader = async (): Promise<StoreThread> => {
    const thread = new StoreThread({ address, access: 'reader' });
    await thread.open();
    return thread;
  };
  let trouble: { readonly message: string; readonly since: number } | null = null;
  const noted = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const value = await call;
      trouble = null;
      return value;
    } catch (error) {
      const { code, message } = RuthError.from(error);
      if (code === 'store_unavailable' || code === 'disk_full') trouble = { message, since: trouble?.since ?? Date.now() / 1000 };
      throw error;
    }
  };
  let isTried = false;
  const tryAgain = (): void => {
    if (isTried) return;
    isTried = true;
    void noted(writer.call('positionOf', 'core')).catch(() => undefined).finally(() => { isTried = false; });
  };
  return {
    health() {
      if (trouble) tryAgain();
      return { state: trouble ? 'failing' : 'ok', message: trouble?.message ?? null, since: trouble?.since ?? null };
    },
    write: (task, ...args) => noted(writer.call(task, ...args)),
    read: (task, ...args) => noted((reader ??= startReader().catch((error: unknown) => { reader = null; throw error; })).then((thread) => thread.call(task, ...args))),
    async [Symbol.asyncDispose]() {
      await (await reader?.catch(() => null))?.[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
    },
  };
}
