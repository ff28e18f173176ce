// Which files of tests run beside which. A file takes as many parts of the machine as one of its kind asks for at its busiest. So many parts as are sure are always given out, and
// up to twice as many while processors stand idle: most of its time a test waits, for a camera, a lease or a browser, and what all wait for together costs nothing.
import { machine as thisMachine, type Machine } from './machine.ts';

/** To a core, whatever it does; on a machine of one core as on two. */
const SURE_PER_CORE = 2;
const MOST_PER_CORE = 4;

/** Most of their time kernel, core and fleet wait for cameras and clocks; end-to-end tests run whole nodes with models and browsers. */
function partsOf(file: string): number {
  if (file.startsWith('test/end-to-end/')) return 3;
  return /^packages\/(core|fleet|kernel)\//.test(file) ? 1 : 2;
}

/** The longest first, so that the last to end are short: end-to-end tests and pods, then those of cameras and pages. */
const FIRST = ['test/end-to-end/', 'test/deployment/', 'packages/kernel/', 'packages/web/', 'packages/server/', 'packages/cli/'];
function rank(file: string): number {
  const first = FIRST.findIndex((folder) => file.startsWith(folder));
  return first < 0 ? Infinity : first;
}

/** Runs each file once, several at a time. `beside`: what begins first and takes a core; where it rejects, nothing more begins, and once what runs has ended so does this. */
export async function runInTurns(files: readonly string[], run: (file: string) => Promise<void>, { machine = thisMachine, beside = [] }: { machine?: Machine; beside?: readonly (() => Promise<void>)[] } = {}): Promise<void> {
  const cores = Math.max(2, machine.cores);
  const waiting = files.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const running = new Set<Promise<void>>();
  let taken = 0;
  const begin = (parts: number, job: () => Promise<void>): void => {
    taken += parts;
    const done = job().finally(() => {
      taken -= parts;
      running.delete(done);
    });
    running.add(done);
  };
  const beginOneWithin = (parts: number): boolean => {
    const next = waiting.findIndex((file) => taken + partsOf(file) <= parts);
    if (next < 0) return false;
    const [file] = waiting.splice(next, 1) as [string];
    begin(partsOf(file), () => run(file));
    return true;
  };
  for (const job of beside) begin(SURE_PER_CORE, job);
  try {
    while (waiting.length > 0) {
      if (beginOneWithin(SURE_PER_CORE * cores)) continue;
      const hasRoom = await Promise.race([machine.hasRoom(), ...running]);
      if (hasRoom === true) beginOneWithin(MOST_PER_CORE * cores);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}
