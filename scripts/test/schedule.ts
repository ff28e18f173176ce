// Which files of tests run beside which. A file takes so many parts of the machine as it was measured to use (`--times`), and begins as soon as they
// are free: what waits for a camera in real time runs beside what computes.
import { availableParallelism } from 'node:os';

/** Two to a core: with more, pages and answers come later than people, and tests, are used to. */
const PARTS = Math.max(4, 2 * availableParallelism());

/** Most of their time kernel, core and fleet wait for cameras and clocks; end-to-end tests run whole nodes with models and browsers: on two cores one at a time, beside one that waits. */
function partsOf(file: string): number {
  if (file.startsWith('test/end-to-end/')) return 3;
  return /^packages\/(core|fleet|kernel)\//.test(file) ? 1 : 2;
}

/** The longest first: end-to-end tests, then those of cameras and pages. */
function rank(file: string): number {
  const first = ['test/end-to-end/', 'packages/kernel/', 'packages/web/', 'packages/server/', 'packages/cli/'].findIndex((folder) => file.startsWith(folder));
  return first < 0 ? Infinity : first;
}

/** Runs each file once, several at a time. */
export async function runInTurns(files: readonly string[], run: (file: string) => Promise<void>): Promise<void> {
  const waiting = files.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const running = new Set<Promise<void>>();
  let free = PARTS;
  while (waiting.length > 0) {
    const next = waiting.findIndex((file) => partsOf(file) <= free);
    if (next < 0) {
      await Promise.race(running);
      continue;
    }
    const [file] = waiting.splice(next, 1) as [string];
    free -= partsOf(file);
    const done = run(file).finally(() => {
      free += partsOf(file);
      running.delete(done);
    });
    running.add(done);
  }
  await Promise.all(running);
}
