// Checks the recordings of a node against their index. `ruth verify` runs it.
//
//   node verify-main.ts (-c ruth.yaml | --directory DIR) [--repair] [--decode] [--json]
//
// Ends with 0 where all is as it should be, 1 where something was found (repaired or not), 2 where it could not look.
import { parseArgs } from 'node:util';
import { RuthError } from '@ruth/protocol';
import { loadSettings } from '@ruth/transport';
import { whyUnplayable } from './archive/playable.ts';
import { verify, type VerifyReport } from './archive/verify.ts';

const BAR_CHARACTERS = 30;
const PROGRESS_INTERVAL_MS = 100;

try {
  const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' }, directory: { type: 'string' }, repair: { type: 'boolean' }, decode: { type: 'boolean' }, json: { type: 'boolean' } } });
  const directory = values.directory ?? loadSettings(values.config).recording?.directory;
  if (directory === undefined) throw new RuthError('recording_off', 'no folder of recordings is named; give -c FILE with a recording section, or --directory DIR');
  const report = await verify({ directory, repair: values.repair ?? false, ...(values.decode && { decode: whyUnplayable }), ...(process.stderr.isTTY && { onProgress: progress() }) });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  console.log(values.json ? JSON.stringify({ directory, ...report }) : textOf(directory, report));
  process.exit(report.findings.length > 0 ? 1 : 0);
} catch (cause) {
  const error = RuthError.from(cause);
  console.error(`${error.message}\n${error.advice}`);
  process.exit(2);
}

function progress(): (done: number, total: number) => void {
  let nextMs = 0;
  return (done, total) => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_INTERVAL_MS;
    const filled = Math.floor(BAR_CHARACTERS * done / total);
    process.stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(BAR_CHARACTERS - filled)}] ${done} of ${total} files`);
  };
}

function textOf(directory: string, { files, bytes, findings, counts, open }: VerifyReport): string {
  const lines = findings.map(({ kind, file, message, repair }) => `${kind}: ${file}: ${message}${repair === null ? '' : ` -> ${repair}`}`);
  const found = Object.entries(counts).filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`).join(', ');
  lines.push(`${directory}: ${files} files, ${(bytes / 1e9).toFixed(2)} GB${open > 0 ? `, ${open} being written` : ''}: ${found === '' ? 'all as it should be' : found}`);
  return lines.join('\n');
}
