// Runs one file of a folder by its name and prints its figures; the last line of output is one JSON object where that is asked for.
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { descendants } from './process-cpu.ts';

/** What every bench file exports: measures several runs side by side and returns medians and ratios. */
export type Bench = (report: (line: string) => void) => Promise<Record<string, unknown>>;

/** `kind`: what the files are, in their names (`ring.bench.ts`), in the script's name and in the answer. Ends the process. */
export async function runNamed(folder: string, kind: string): Promise<never> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  const suffix = `.${kind}.ts`;
  const names = readdirSync(folder).filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
  const name = positionals[0] ?? '';
  if (values.help || !names.includes(name)) {
    console.error(`usage: npm run -s ${kind} -- <name> [--json]; there are: ${names.join(', ')}`);
    process.exit(values.help ? 0 : 2);
  }
  leaveNothing();
  const { bench } = await import(join(folder, `${name}${suffix}`)) as { bench: Bench };
  const figures = await bench((line) => console.error(line));
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`;
  if (values.json) console.log(JSON.stringify({ [kind]: name, ...figures, machine }));
  else console.table(figures);
  process.exit(0);
}

/** However it ends, by a signal or an error too: what was started for it ends with it. */
function leaveNothing(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  process.once('exit', () => {
    for (const pid of descendants(process.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself just before.
      }
    }
  });
}
