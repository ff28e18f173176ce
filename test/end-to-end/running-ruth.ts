// A whole Ruth started as its user starts it, in folders of its own, and everything it is made of, seen from outside.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export const root = resolve(import.meta.dirname, '../..');
const ruth = join(root, 'packages/cli/bin/ruth.js');
const ADMIN_TOKEN = 'a-fixed-token-for-end-to-end-tests';
const sharedClip = join(root, '../shared/data/video/vtest_h264.mp4');

export class RunningRuth {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly socketDirectory: string;
  readonly ringDirectory: string;
  /** Every line it wrote. */
  readonly output: string[] = [];
  /** Of its page, and of everything else it serves. */
  url = '';
  /** Signs in a browser, once. */
  signInUrl = '';
  /** For whoever is no browser. */
  readonly headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  #cookie: Promise<{ name: string; value: string; url: string }> | null = null;

  private constructor(child: ChildProcess, folder: string, ringDirectory: string) {
    this.child = child;
    this.folder = folder;
    this.socketDirectory = join(folder, 'sockets');
    this.ringDirectory = ringDirectory;
  }

  /** Runs `ruth <command> -c <settings>` with `settings` as `ruth.yaml`, and waits until the page is served. */
  static async start(command: string[], settings: Record<string, unknown> = {}, launcher: readonly [string, ...string[]] = [process.execPath, ruth]): Promise<RunningRuth> {
    const folder = mkdtempSync(join(tmpdir(), 'ruth-e2e-'));
    const ringDirectory = mkdtempSync('/dev/shm/ruth-e2e-');
    const file = join(folder, 'ruth.yaml');
    const paths = { socket_directory: join(folder, 'sockets'), ring_directory: ringDirectory, models_directory: join(root, 'models') };
    mkdirSync(paths.socket_directory);
    writeFileSync(file, JSON.stringify({ http: { port: 0 }, ...settings, paths: { ...paths, ...settings.paths ?? {} } }), { mode: 0o600 });
    const env = { ...process.env, RUTH_ADMIN_TOKEN: ADMIN_TOKEN, ...(existsSync(sharedClip) ? { RUTH_DEMO_CLIP: sharedClip } : {}) };
    const [program, ...parameters] = launcher;
    const child = spawn(program, [...parameters, ...command, '-c', file], { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: root });
    const running = new RunningRuth(child, folder, ringDirectory);
    const serving = Promise.withResolvers<string>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        running.output.push(line);
        if (/^http:\/\/\S+$/.test(line)) serving.resolve(line);
      });
    }
    child.once('exit', (code) => serving.reject(new Error(`ruth ended with ${code}:\n${running.output.slice(-20).join('\n')}`)));
    const limit = setTimeout(() => serving.reject(new Error(`no address after 120 s:\n${running.output.slice(-30).join('\n')}`)), 120_000);
    try {
      running.signInUrl = await serving.promise;
      running.url = new URL('/', running.signInUrl).href;
    } catch (error) {
      await running.stop('SIGKILL');
      throw error;
    } finally {
      clearTimeout(limit);
    }
    return running;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(new URL(path, this.url), { headers: this.headers, signal: AbortSignal.timeout(60_000) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return await response.json() as T;
  }

  /** Of a session, for a browser's context; signs in by the link when first asked. */
  cookie(): Promise<{ name: string; value: string; url: string }> {
    return this.#cookie ??= (async () => {
      const response = await fetch(new URL('/api/v1/session', this.url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ link: new URL(this.signInUrl).hash.slice(1) }) });
      if (!response.ok) throw new Error(`the link does not sign in: ${response.status} ${await response.text()}`);
      const [name = '', value = ''] = response.headers.getSetCookie()[0]!.split(';')[0]!.split('=');
      return { name, value, url: this.url };
    })();
  }

  /** Polls until `look` gives something else than null, undefined or false. */
  async until<T>(what: string, look: () => Promise<T | null | undefined | false>, limitMs = 120_000): Promise<T> {
    const endMs = performance.now() + limitMs;
    let last: unknown = null;
    while (performance.now() < endMs) {
      try {
        const seen = await look();
        if (seen !== null && seen !== undefined && seen !== false) return seen;
      } catch (error) {
        last = error;
      }
      await delay(100);
    }
    throw new Error(`${what}: not within ${limitMs} ms${last === null ? '' : ` (${(last as Error).message})`}\n${this.output.slice(-20).join('\n')}`);
  }

  /** Process ids of everything below the supervisor, found by parent. */
  descendants(): number[] {
    const children = new Map<number, number[]>();
    for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
      } catch { /* it ended meanwhile */ }
    }
    const found: number[] = [];
    const visit = (pid: number): void => { for (const child of children.get(pid) ?? []) { found.push(child); visit(child); } };
    visit(this.child.pid!);
    return found;
  }

  /** What it would leave behind. */
  leftovers(pids: readonly number[]): string[] {
    return [
      ...readdirSync(this.socketDirectory).map((name) => `socket ${name}`),
      ...readdirSync(this.ringDirectory).map((name) => `shared memory ${name}`),
      ...pids.filter((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readStatus(pid))).map((pid) => `process ${pid} ${commandLine(pid)}`),
    ];
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      await once(this.child, 'exit');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.ringDirectory, { recursive: true, force: true });
  }
}

export function commandLine(pid: number): string {
  try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '); } catch { return ''; }
}

function readStatus(pid: number): string {
  try { return readFileSync(`/proc/${pid}/status`, 'utf8'); } catch { return 'State: Z'; }
}
