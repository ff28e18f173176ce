// A job of another package, done by a process of its own: it is told what to do over standard input, which nobody else can see, and
// answers with one JSON line.
import { spawn } from 'node:child_process';
import { ERRORS, type ErrorCode, RuthError } from '@ruth/protocol';

const MAX_ANSWER_BYTES = 4 << 20;
/** How long it may take to end after it was asked to. */
const KILL_AFTER_MS = 3000;

/** Returns what stands under `key` of the answer. Throws what the process said was wrong, `timeout`, `cancelled` on Ctrl-C, `internal`. */
export async function childJob(entry: string, task: unknown, key: string, limitMs: number): Promise<unknown> {
  const child = spawn(process.execPath, ['--single-threaded-gc', entry], { stdio: ['pipe', 'pipe', 'inherit'] });
  let ended: RuthError | null = null;
  let kill: NodeJS.Timeout | undefined;
  const end = (reason: RuthError): void => {
    ended ??= reason;
    child.kill('SIGTERM');
    kill ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  const limit = setTimeout(() => end(new RuthError('timeout', `no result within ${Math.round(limitMs / 1000)} s`)), limitMs);
  const onSignal = (): void => end(new RuthError('cancelled', 'stopped'));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  try {
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(task));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER_BYTES) end(new RuthError('internal', 'the answer is too long'));
    });
    await new Promise<void>((resolve, reject) => { child.on('close', () => resolve()).on('error', reject); });
    if (ended !== null) throw ended as RuthError;
    return answerOf(text, key);
  } finally {
    clearTimeout(limit);
    clearTimeout(kill);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
  }
}

function answerOf(text: string, key: string): unknown {
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new RuthError('internal', 'the process ended without an answer', { cause });
  }
  if (key in answer) return answer[key];
  const code = String(answer.error_code);
  throw new RuthError(code in ERRORS ? code as ErrorCode : 'internal', String(answer.error));
}
