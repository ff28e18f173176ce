// One file of tests, run in a process of its own: what it reported, when and how long it ran, and, where `usageFile` is given, what it has used.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

const TIMEOUT_MS = 300_000;
/** A file whose tests have ended and that goes on is ended, and has failed: something was not let go. */
const FILE_LIMIT_MS = 900_000;
const USAGE = join(import.meta.dirname, 'usage.ts');

export interface FileRun {
  readonly file: string;
  readonly events: readonly TestEvent[];
  /** Since this process began. */
  readonly startedS: number;
  readonly wallS: number;
}

export async function runFile(file: string, timed: boolean): Promise<FileRun> {
  const startedS = performance.now() / 1000;
  const events: TestEvent[] = [];
  for await (const event of run({ files: [file], concurrency: 1, timeout: TIMEOUT_MS, signal: AbortSignal.timeout(FILE_LIMIT_MS), ...timed && { execArgv: ['--import', USAGE] } }) as AsyncIterable<TestEvent>) {
    // The totals of this file alone say nothing where there are many.
    if (event.type === 'test:summary' || event.type === 'test:plan' || (event.type === 'test:diagnostic' && event.data.file === undefined)) continue;
    events.push(event);
  }
  return { file, events, startedS, wallS: performance.now() / 1000 - startedS };
}

/** What each file has used of a processor, in seconds, from what `usage.ts` wrote; none for a file that was killed. */
export function readUsage(path: string): Map<string, number> {
  const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { file: string; cpuS: number });
  return new Map(lines.map(({ file, cpuS }) => [resolve(file), cpuS]));
}
