// The store as the rest of the server sees it: one thread writes, another reads, so that a search never holds up what is to be kept.
import type { StoreAddress } from './database.ts';
import type { StoreTasks } from './store-tasks.ts';
import { StoreThread, type StoreTask } from './store-thread.ts';

type Call = <T extends StoreTask>(task: T, ...args: Parameters<StoreTasks[T]>) => Promise<Awaited<ReturnType<StoreTasks[T]>>>;

export interface Store extends AsyncDisposable {
  readonly write: Call;
  /** Sees what was written before it was asked. */
  readonly read: Call;
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
  return {
    write: (task, ...args) => writer.call(task, ...args),
    read: (task, ...args) => (reader ??= startReader().catch((error: unknown) => { reader = null; throw error; })).then((thread) => thread.call(task, ...args)),
    async [Symbol.asyncDispose]() {
      await (await reader?.catch(() => null))?.[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
    },
  };
}
