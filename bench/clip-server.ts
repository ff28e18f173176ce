// A camera for benches, in a process of its own so that it is not counted: one clip over RTSP, in real time, without end.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const RTSP_SERVER = join(import.meta.dirname, '../packages/kernel/src/live/rtsp-main.ts');

export class ClipServer implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(path: string): Promise<ClipServer> {
    const child = spawn(process.execPath, [RTSP_SERVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout)) {
      const entry = JSON.parse(line) as { msg: string; url?: string };
      if (entry.msg !== 'ready') continue;
      child.stdout.resume();
      return new ClipServer(entry.url!, child);
    }
    throw new Error('the RTSP server ended before it was ready');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await gone;
  }
}
