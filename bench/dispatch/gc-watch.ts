// Told to a process by --import: says on a file each collection of garbage that took a while, with its instant on the clock that all processes share.
// Lines of JSON, {"atMs", "ms", "kind"}; the file is RUTH_BENCH_GC.
import { appendFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';

const LEAST_MS = 1;

/** Milliseconds of the monotonic clock. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface Collection { readonly atMs: number; readonly ms: number; readonly kind: 'young' | 'whole' | 'other' }

export function watchCollections(tell: (collection: Collection) => void): void {
  const offsetMs = monotonicMs() - performance.now();
  new PerformanceObserver((list) => {
    for (const { startTime, duration, detail } of list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[]) {
      const { kind } = detail;
      if (duration >= LEAST_MS) tell({ atMs: startTime + offsetMs, ms: duration, kind: kind === constants.NODE_PERFORMANCE_GC_MAJOR ? 'whole' : kind === constants.NODE_PERFORMANCE_GC_MINOR ? 'young' : 'other' });
    }
  }).observe({ entryTypes: ['gc'] });
}

const file = process.env.RUTH_BENCH_GC;
if (file !== undefined && file !== '') watchCollections((collection) => appendFileSync(file, `${JSON.stringify(collection)}\n`));
