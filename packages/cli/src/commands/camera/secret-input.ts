// Text that must not stand among arguments, where the process list and the shell's history show it: read from standard input, and
// at a terminal asked for without showing what is typed.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { RuthError } from '@ruth/protocol';

/** `text` itself, or what standard input says where it is `-`. Throws `bad_request` where that is nothing. */
export async function secretInput(text: string, question: string): Promise<string> {
  if (text !== '-') return text;
  const { stdin, stderr } = process;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (stdin.isTTY) stderr.write(`${question}: `);
  const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
  try {
    for await (const line of lines) {
      if (line.trim() !== '') return line.trim();
    }
    throw new RuthError('bad_request', `${question}: standard input is empty`);
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write('\n');
  }
}
