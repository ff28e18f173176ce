// Ruth's processes as a bench starts them, each by its `main.ts`; ended together.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { PROCESS_FLAGS } from '@ruth/cli';
import { Agent, request } from 'undici';

const ROOT = join(import.meta.dirname, '..');

export interface Started { readonly pid: number; readonly details: Record<string, unknown> }

/** Ruth's processes, ended together. */
export class Processes implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];

  /** Resolves when the process says that it is ready. */
  async start(main: string, args: string[], { nodeOptions = [], env = {} }: { nodeOptions?: string[]; env?: Record<string, string> } = {}): Promise<Started> {
    const child = spawn(process.execPath, [...PROCESS_FLAGS, ...nodeOptions, join(ROOT, main), ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    this.#children.push(child);
    for await (const line of createInterface(child.stdout)) {
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry.msg === 'ready') {
        child.stdout.resume();
        return { pid: child.pid!, details: entry };
      }
      if (Number(entry.level) >= 50) throw new Error(`${main}: ${String(entry.msg)}`);
    }
    throw new Error(`${main} ended before it was ready`);
  }

  adopt(child: ChildProcess): void {
    this.#children.push(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.splice(0).reverse().map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([exit, delay(5000, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await exit;
    }));
  }
}

/** What a process answers on its socket. */
export async function get<T>(socketPath: string, path: string): Promise<T> {
  const dispatcher = new Agent({ connect: { socketPath } });
  try {
    return await (await request(`http://ruth${path}`, { dispatcher })).body.json() as T;
  } finally {
    await dispatcher.close();
  }
}
