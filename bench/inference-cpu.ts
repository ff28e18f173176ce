// Loaded before a model container (`node --import`), in each of its threads: adds up the CPU time spent inside ONNX
// Runtime's `session.run()`, so that a bench can tell inference from everything around it. One thread per session, so
// that the calling thread's clock sees all of it. Totals are in the folder RUTH_BENCH_INFERENCE_CPU, one file a thread.
import { mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

export interface InferenceCpu { readonly cpuMs: number; readonly runs: number }

/** What the threads that write to the folder have spent so far. */
export function inferenceCpu(folder: string): InferenceCpu {
  let cpuMs = 0;
  let runs = 0;
  for (const name of readdirSync(folder)) {
    const totals = readFileSync(join(folder, name));
    if (totals.length < 16) continue;
    cpuMs += totals.readDoubleLE(0) / 1000;
    runs += totals.readDoubleLE(8);
  }
  return { cpuMs, runs };
}

const folder = process.env.RUTH_BENCH_INFERENCE_CPU;
if (folder !== undefined && !isMainThread) {
  const { InferenceSession } = await import('onnxruntime-node');
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, String(threadId)), 'w');
  const totals = Buffer.alloc(16);
  const session = InferenceSession as unknown as { prototype: { run: (...args: unknown[]) => Promise<unknown> } };
  const { run } = session.prototype;
  session.prototype.run = async function (this: unknown, ...args) {
    const before = process.threadCpuUsage();
    try {
      return await run.apply(this, args);
    } finally {
      const { user, system } = process.threadCpuUsage(before);
      totals.writeDoubleLE(totals.readDoubleLE(0) + user + system, 0);
      totals.writeDoubleLE(totals.readDoubleLE(8) + 1, 8);
      writeSync(file, totals, 0, totals.length, 0);
    }
  };
}
