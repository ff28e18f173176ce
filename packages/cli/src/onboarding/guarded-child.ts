// A process that looks at what nobody has vouched for: limited in time and memory, ended with its caller, first in line where the
// system itself runs out of memory.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ERRORS, RuthError, type ErrorCode } from '@ruth/protocol';

export interface ChildLimits { readonly timeMs: number; readonly memoryBytes: number; readonly signal?: AbortSignal | undefined }

const LOOK_MS = 50;
const LAST_WORDS = 2000;
const KILL_AFTER_MS = 3000;

/** Kills the child beyond its limits. `exceeded` says in words which, once one is. */
export function guard(child: ChildProcess, { timeMs, memoryBytes, signal }: ChildLimits): Disposable & { readonly exceeded: RuthError | null } {
  let exceeded: RuthError | null = null;
  const end = (reason: RuthError): void => {
    exceeded ??= reason;
    child.kill('SIGKILL');
  };
  try {
    writeFileSync(`/proc/${child.pid}/oom_score_adj`, '1000');
  } catch {
    // Not on every system; the limit below holds all the same.
  }
  const timer = setTimeout(() => end(new RuthError('timeout', `it took longer than ${Math.round(timeMs / 1000)} s (--time-limit)`)), timeMs);
  const watch = setInterval(() => {
    const bytes = residentBytes(child.pid);
    if (bytes > memoryBytes) end(new RuthError('model_invalid', `it took ${gigabytes(bytes)} of memory, more than ${gigabytes(memoryBytes)} (--memory-limit)`));
  }, LOOK_MS);
  const stop = (): void => end(new RuthError('cancelled', 'stopped'));
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  return {
    get exceeded() { return exceeded; },
    [Symbol.dispose]() {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', stop);
    },
  };
}

/** Resident memory; 0 where the process is gone. */
export function residentBytes(pid: number | undefined): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Tells a process its task and takes JSON lines from it: `{progress}` again and again, `{report}` or `{error_code, error}` last. Throws that error, or what limit it met. */
export async function askGuarded(entry: string, task: object, limits: ChildLimits, onProgress: (text: string) => void): Promise<unknown> {
  const child = spawn(process.execPath, ['--single-threaded-gc', '--max-old-space-size=512', entry], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  using watch = guard(child, limits);
  let said = '';
  let answer: Record<string, unknown> | null = null;
  child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-LAST_WORDS); });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const parsed = parsedLine(line);
    if (typeof parsed?.progress === 'string') onProgress(parsed.progress);
    else if (parsed) answer = parsed;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(task));
  const [code, killedBy] = await closed;
  if (watch.exceeded) throw watch.exceeded;
  const given = answer as Record<string, unknown> | null;
  if (given?.report !== undefined) return given.report;
  if (typeof given?.error_code === 'string' && typeof given.error === 'string') throw new RuthError(given.error_code in ERRORS ? given.error_code as ErrorCode : 'internal', given.error);
  throw new RuthError('model_invalid', `the process that loaded it was ended by ${killedBy ?? `status ${code}`}: such weights would take a container down too${said === '' ? '' : `\n${said.trim()}`}`);
}

function parsedLine(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

/** Asks it to end; kills it where it does not. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await exited;
  clearTimeout(timer);
}
