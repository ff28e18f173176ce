// The camera of `stamped-camera.ts` in a process of its own, for as long as a bench runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { STAMP } from './models/stamp-reader/stamp.ts';

export const GOP_PICTURES = 2 * STAMP.fps;

export class StampedCamera implements AsyncDisposable {
  readonly url: string;
  /** From drawing to sending, of each picture. */
  readonly encodeMs: number[] = [];
  readonly #process: ReturnType<typeof spawn>;

  private constructor(url: string, process: ReturnType<typeof spawn>) {
    this.url = url;
    this.#process = process;
  }

  static async start(): Promise<StampedCamera> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'stamped-camera.ts'), String(GOP_PICTURES)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const [first] = await once(lines, 'line') as [string];
    const camera = new StampedCamera((JSON.parse(first) as { url: string }).url, child);
    lines.on('line', (line) => camera.encodeMs.push(...(JSON.parse(line) as { encode_ms: number[] }).encode_ms));
    return camera;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}
