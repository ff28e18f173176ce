// The thread of the store: answers one call after another, in the order they came.
import { parentPort, workerData } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol/base';
import { isConnectionLost, describeAddress } from './database.ts';
import { StoreTasks } from './store-tasks.ts';
import type { StoreAnswer, StoreCall, StoreWorkerData } from './store-thread.ts';

const SQLITE_FULL = 13;

const port = parentPort!;
const { address, access } = workerData as StoreWorkerData;
let tasks: StoreTasks | null = null;
let turn = Promise.resolve();

port.on('message', (call: StoreCall) => {
  turn = turn.then(async () => port.postMessage(await answer(call)));
});

async function answer({ id, task, args }: StoreCall): Promise<StoreAnswer> {
  try {
    if (task === 'open') tasks = await StoreTasks.open(address, access);
    const value = task === 'open' ? null : await (tasks![task] as (...args: readonly unknown[]) => unknown).apply(tasks, [...args]);
    if (task === 'close') port.close();
    return { id, value };
  } catch (cause) {
    const isFull = (cause as { errcode?: number }).errcode === SQLITE_FULL || (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    const { code, message } = RuthError.from(cause, isFull ? 'disk_full' : 'store_unavailable');
    const isAway = address.kind === 'postgres' && !(cause instanceof RuthError) && isConnectionLost(cause as Error);
    return { id, error: { code, message: isAway ? `the database ${describeAddress(address)} does not answer: ${message}` : message } };
  }
}
