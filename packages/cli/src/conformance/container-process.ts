// The container's process: started by its command, watched from outside, stopped. Also what a process that died leaves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
const MAX_OUTPUT = 2000;
const STOP_LIMIT_MS = 5000;

export interface ContainerProcess extends AsyncDisposable {
  readonly pid: number | undefined;
  /** The newest of what it said. */
  readonly output: string;
  readonly exitCode: number | null;
  /** False where it had not ended in time. */
  ended(limitMs: number): Promise<boolean>;
}

/** Runs a shell's command line. Its end of scope is SIGTERM, and SIGKILL where that does not help. */
export function startContainer(command: string): ContainerProcess {
  // `exec`: the process is the container itself, not a shell around it.
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output = (output + chunk.toString()).slice(-MAX_OUTPUT); });
  const closed = once(child, 'close').then(() => true, () => true);
  const ended = async (limitMs: number): Promise<boolean> => {
    const tooLate = new AbortController();
    const late = delay(limitMs, false, { signal: tooLate.signal }).catch(() => false);
    try {
      return await Promise.race([closed, late]);
    } finally {
      tooLate.abort();
    }
  };
  return {
    pid: child.pid, ended,
    get output() { return output; },
    get exitCode() { return child.exitCode; },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      if (!await ended(STOP_LIMIT_MS)) child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Waits until somebody listens there; false where nobody does in time. */
export async function socketServes(path: string, limitMs: number): Promise<boolean> {
  for (const until = performance.now() + limitMs; performance.now() < until; await delay(POLL_MS)) {
    const socket = connect(path);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    const serves = await promise;
    socket.destroy();
    if (serves) return true;
  }
  return false;
}

/** Waits for the end of a process that need not be ours; false where it does not come in time. */
export async function processEnd(pid: number, limitMs: number): Promise<boolean> {
  for (const until = performance.now() + limitMs; isAlive(pid); await delay(POLL_MS)) {
    if (performance.now() > until) return false;
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One whose parent has not taken note of its end yet is no longer alive.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Leaves a socket at `path` as a process does that is killed. */
export async function leaveStaleSocket(path: string): Promise<void> {
  const child = spawn(process.execPath, ['-e', `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`], { stdio: ['ignore', 'pipe', 'ignore'] });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
}
