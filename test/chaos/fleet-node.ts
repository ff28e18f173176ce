// A node of a site as processes of their own: kernel, agent, outbox, server, and a core that only speaks, started again when they were killed, as a supervisor does.
// Its way to NATS can be cut, and that of its kernel to the cameras.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { descendants } from '../../bench/process-cpu.ts';
import { Link } from '../../packages/fleet/test/nats.ts';
import type { CameraLink } from './camera-network.ts';
import type { SteppedClock } from './stepped-clock.ts';

const PACKAGES = join(import.meta.dirname, '../../packages');
const AGAIN_AFTER_MS = 300;
const ENTRIES = { core: join(import.meta.dirname, 'speaking-core-main.ts'), kernel: join(PACKAGES, 'kernel/src/main.ts'), fleet: join(PACKAGES, 'fleet/src/main.ts'), outbox: join(PACKAGES, 'fleet/src/outbox-main.ts'), server: join(PACKAGES, 'server/src/main.ts') } as const;
export type Part = keyof typeof ENTRIES;
export const PARTS = Object.keys(ENTRIES) as Part[];

export class FleetNode implements AsyncDisposable {
  readonly id: string;
  readonly recordings: string;
  readonly links: readonly Link[];
  readonly #settings: string;
  readonly #folder: string;
  /** Null: it has no server, so its events come into the database out of the site's stream alone. */
  readonly #databaseUrl: string | null;
  readonly #clock: SteppedClock | null;
  /** Null: its kernel is where all are. */
  readonly #cameras: CameraLink | null;
  readonly #rings: string;
  readonly #children = new Map<Part, ChildProcess>();
  #ended = false;

  private constructor(id: string, folder: string, links: readonly Link[], urls: readonly string[], databaseUrl: string | null, clock: SteppedClock | null, cameras: CameraLink | null) {
    this.id = id;
    this.#folder = folder;
    this.#databaseUrl = databaseUrl;
    this.#clock = clock;
    this.#cameras = cameras;
    this.links = links;
    this.recordings = join(folder, 'recordings');
    this.#rings = mkdtempSync('/dev/shm/ruth-chaos-');
    mkdirSync(folder, { recursive: true });
    this.#settings = JSON.stringify({
      paths: { socket_directory: folder, ring_directory: this.#rings, data_directory: folder }, http: { port: 0 }, log_level: process.env.RUTH_TEST_LOG ?? 'error', models: [], cameras: [], live: { webrtc: { active: false } },
      recording: { directory: this.recordings, segment_s: 5, min_free_gb: 0 }, site: { nats: urls, node: id, replicas: urls.length, capacity_cores: 0.8 },
    });
  }

  /** `parts`: all, unless told. `clock`: the wall clock that they go by; the machine's, unless told. `cameras`: its link to the cameras, where it has one of its own. */
  static async start(id: string, folder: string, natsPorts: readonly number[], databaseUrl: string | null, parts: readonly Part[] = PARTS, clock: SteppedClock | null = null, cameras: CameraLink | null = null): Promise<FleetNode> {
    const links = natsPorts.map((port) => new Link(port));
    const node = new FleetNode(id, folder, links, await Promise.all(links.map((link) => link.listen())), databaseUrl, clock, cameras);
    for (const part of parts) node.begin(part);
    return node;
  }

  begin(part: Part): void {
    if (this.#ended || this.#children.has(part) || (part === 'server' && this.#databaseUrl === null)) return;
    const args = part === 'core' ? [this.#folder, this.#rings, this.#journal] : ['-c', '-'];
    const [program, ...rest] = [...(part === 'kernel' ? this.#cameras?.enter ?? [] : []), process.execPath, ENTRIES[part], ...args];
    const child = spawn(program!, rest, { stdio: ['pipe', process.env.RUTH_TEST_LOG ? 2 : 'ignore', part === 'server' && !process.env.RUTH_TEST_LOG ? 'ignore' : 'inherit'], env: { ...process.env, ...(this.#databaseUrl !== null && { DATABASE_URL: this.#databaseUrl }), ...this.#clock?.environment } });
    child.stdin!.on('error', () => undefined).end(this.#settings);
    this.#children.set(part, child);
  }

  get #journal(): string { return join(this.#folder, 'emitted'); }

  /** Ids of what its core has emitted. */
  emitted(): number[] {
    return readFileSync(this.#journal, 'utf8').split('\n').slice(0, -1).map(Number);
  }

  /** It, and all that it started. */
  pids(...parts: readonly Part[]): number[] {
    return parts.flatMap((part) => {
      const pid = this.#children.get(part)?.pid;
      return pid === undefined ? [] : [pid, ...descendants(pid)];
    });
  }

  /** Kills; what was killed is started again after `downMs`. */
  async kill(parts: readonly Part[], downMs = AGAIN_AFTER_MS): Promise<void> {
    const pids = this.pids(...parts);
    const gone = parts.map(async (part) => {
      const child = this.#children.get(part);
      this.#children.delete(part);
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    signal(pids, 'SIGKILL');
    await Promise.all(gone);
    await delay(downMs);
    for (const part of parts) this.begin(part);
  }

  /** As where the machine was out of time: nothing of them runs for a while, and then goes on as if nothing had been. */
  async freeze(parts: readonly Part[], forMs: number): Promise<void> {
    const pids = this.pids(...parts);
    signal(pids, 'SIGSTOP');
    await delay(forMs);
    signal(pids, 'SIGCONT');
  }

  /** Its wall clock jumps, and jumps back after a while. */
  async step(seconds: number, forMs: number): Promise<void> {
    this.#clock!.set(seconds);
    await delay(forMs);
    this.#clock!.set(0);
  }

  async cut(forMs: number): Promise<void> {
    for (const link of this.links) link.cut();
    await delay(forMs);
    for (const link of this.links) link.mend();
  }

  /** Its kernel gets nothing from any camera, until `meanwhile` is done. */
  async cutCameras(meanwhile: () => Promise<unknown>): Promise<void> {
    this.#cameras!.cut();
    await meanwhile().finally(() => this.#cameras!.mend());
  }

  /** What ended by itself is started again. */
  tend(): void {
    for (const [part, child] of this.#children) {
      if (child.exitCode === null && child.signalCode === null) continue;
      this.#children.delete(part);
      this.begin(part);
    }
  }

  /** Ends these in order. */
  async end(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      const child = this.#children.get(part);
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      signal([child.pid!, ...descendants(child.pid!)], 'SIGCONT');
      child.kill('SIGTERM');
      await gone;
      this.#children.delete(part);
    }
  }

  /** Ends it in order, so that what it recorded is whole. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.end(PARTS.toReversed());
    for (const link of this.links) await link[Symbol.asyncDispose]();
    rmSync(this.#rings, { recursive: true, force: true });
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself just before.
    }
  }
}
