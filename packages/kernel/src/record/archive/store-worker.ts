// The thread of the archive's store: answers one call after another, in the order they came. SQLite and the disk may take their
// time here without holding up the kernel.
import { parentPort, workerData } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol';
import { ArchiveStore } from './archive-store.ts';
import type { StoreCall, StoreAnswer, StoreMethod } from './store-thread.ts';

const port = parentPort!;
const { directory } = workerData as { directory: string };
let store: ArchiveStore | null = null;
let turn = Promise.resolve();

port.on('message', (call: StoreCall) => {
  turn = turn.then(async () => port.postMessage(await answer(call)));
});

async function answer({ id, method, args }: StoreCall): Promise<StoreAnswer> {
  try {
    if (method === 'open') store = ArchiveStore.open(directory);
    const value: unknown = method === 'open' ? null : await (store![method satisfies StoreMethod] as (...args: readonly unknown[]) => unknown).apply(store, [...args]);
    if (method === 'close') port.close();
    return { id, value };
  } catch (cause) {
    const { errcode } = cause as { errcode?: number };
    // SQLITE_FULL
    const { code, message } = RuthError.from(cause, errcode === 13 || (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk_full' : 'internal');
    return { id, error: { code, message } };
  }
}
