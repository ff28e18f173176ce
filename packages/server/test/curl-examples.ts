// The examples of docs/api.md, as they stand there, in their order.
import { readFileSync } from 'node:fs';

export const apiDocument = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');

/** One command each; a quoted text may go over several lines. */
export const curlExamples = [...apiDocument.matchAll(/^ {4}curl (?:[^\n']|'[^']*')*/gm)].map(([match]) => match.trim());
