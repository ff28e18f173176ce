// The results as a table for a person.
import { styleText } from 'node:util';
import type { Result, Status } from './check.ts';

const COLOUR = { pass: 'green', fail: 'red', warn: 'yellow', skip: 'gray' } as const satisfies Record<Status, string>;

export function countOf(results: readonly Result[], status: Status): number {
  return results.filter((result) => result.status === status).length;
}

/** One line per check: status, the contract's sentence, and below it what was seen; the last line counts. */
export function conformanceReport(results: readonly Result[]): string {
  const lines: string[] = [];
  let chapter = '';
  for (const result of results) {
    if (result.chapter !== chapter) lines.push('', styleText('bold', chapter = result.chapter));
    lines.push(`  ${styleText(COLOUR[result.status], result.status)}  ${result.sentence}`, `        ${styleText('gray', oneLine(result.seen))}`);
  }
  lines.push('', (['pass', 'fail', 'warn', 'skip'] as const).map((status) => `${countOf(results, status)} ${status}`).join(', '));
  return lines.join('\n').trimStart();
}

/** What a container says may hold line breaks and control characters. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}
