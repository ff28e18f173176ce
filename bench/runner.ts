// Runs one file of a folder by its name and prints its figures; the last line of output is one JSON object where that is asked for.
// Its help is what each file says of itself at its top.
import { readdirSync, readFileSync } from 'node:fs';
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
  const usage = `usage: npm run -s ${kind} -- <name> [--json]`;
  if (values.help) {
    console.log(usage);
    for (const one of names.includes(name) ? [name] : names) console.log(`\n${one}\n${aboutOf(join(folder, `${one}${suffix}`))}`);
    process.exit(0);
  }
  if (!names.includes(name)) {
    console.error(`${usage}; there are: ${names.join(', ')}; --help says what each does`);
    process.exit(2);
  }
  leaveNothing();
  const { bench } = await import(join(folder, `${name}${suffix}`)) as { bench: Bench };
  const figures = await bench((line) => console.error(line));
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`;
  if (values.json) console.log(JSON.stringify({ [kind]: name, ...figures, machine }));
  else console.table(figures);
  process.exit(0);
}

/** The comment at the top of a file, and what of the environment it heeds. */
function aboutOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  const words = /^(?:\/\/.*\n)+/.exec(text)?.[0].replaceAll(/^\/\/ ?/gm, '').trim().split(/\s+/) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  const heeded = [...new Set(text.match(/RUTH_[A-Z_]+/g) ?? [])];
  return [...lines, ...(heeded.length > 0 ? [`  Heeds ${heeded.join(', ')}.`] : [])].join('\n');
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
