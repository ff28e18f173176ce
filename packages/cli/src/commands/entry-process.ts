// Runs an entry of another package as this command: its output, its exit status, its signals.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Ends this process as the entry ended; with `failedStatus` where a signal ended it. */
export async function becomeEntry(entry: string, args: readonly string[], failedStatus: number): Promise<never> {
  const child = spawn(process.execPath, [entry, ...args], { stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; what was sent to us alone is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, signal] = await once(child, 'exit') as [number | null, NodeJS.Signals | null];
  process.exit(signal === null ? code ?? failedStatus : failedStatus);
}
