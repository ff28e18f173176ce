// `npm run -s bench -- <name> --json`: runs one bench; the last line of output is one JSON object.
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';

/** What every bench file exports: measures several runs side by side and returns medians and ratios. */
export type Bench = (report: (line: string) => void) => Promise<Record<string, unknown>>;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const names = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.bench.ts')).map((file) => file.slice(0, -'.bench.ts'.length));
const name = positionals[0] ?? '';
if (!names.includes(name)) {
  console.error(`usage: npm run -s bench -- <name> [--json]; benches: ${names.join(', ')}`);
  process.exit(2);
}
const { bench } = await import(`./${name}.bench.ts`) as { bench: Bench };
const figures = await bench((line) => console.error(line));
const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`;
if (values.json) console.log(JSON.stringify({ bench: name, ...figures, machine }));
else console.table(figures);
process.exit(0);
