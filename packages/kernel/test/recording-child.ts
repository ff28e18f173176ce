// An ingest process that records, alone, as the kernel starts it; and what it told.
import assert from 'node:assert/strict';
import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NOTHING_WANTED, type FromIngest, type IngestSettings, type IngestStatus, type Wants } from '../src/ingest/messages.ts';
import type { FragmentEntry, Segment } from '../src/record/segment.ts';
import { until } from './test-kernel.ts';

export interface ChildOptions {
  readonly url: string;
  readonly directory: string;
  readonly segmentS?: number;
  readonly notBeforeUs?: number;
  readonly transport?: 'tcp' | 'udp';
}

export class RecordingChild implements AsyncDisposable {
  readonly messages: FromIngest[] = [];
  readonly #process: ChildProcess;
  readonly #rings: string;

  private constructor(process: ChildProcess, rings: string) {
    this.#process = process;
    this.#rings = rings;
    process.on('message', (message: FromIngest) => this.messages.push(message));
  }

  static async start({ url, directory, segmentS = 2, notBeforeUs = 0, transport = 'tcp' }: ChildOptions): Promise<RecordingChild> {
    const rings = await mkdtemp('/dev/shm/ruth-test-');
    const process = fork(new URL('../src/ingest/main.ts', import.meta.url), [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const child = new RecordingChild(process, rings);
    const settings: IngestSettings = {
      cameraId: 'door', url, transport, stallTimeoutMs: 5000, slotCount: 4, ringDirectory: rings, detectUrl: null, audio: true, addresses: {}, hardware: 'none',
      recording: { directory, segmentS, notBeforeUs }, firstEpoch: 1,
    };
    process.send({ type: 'start', settings, wants: NOTHING_WANTED, logLevel: 'warn' });
    return child;
  }

  get status(): IngestStatus | null { return this.messages.findLast((message) => message.type === 'status')?.status ?? null; }
  get closed(): Segment[] { return this.messages.flatMap((message) => message.type === 'segment-closed' ? [message.segment] : []); }
  get opened(): Segment[] { return this.messages.flatMap((message) => message.type === 'segment-opened' ? [message.segment] : []); }
  /** What it said is on the disk. */
  get grown(): { file: string; fragments: readonly FragmentEntry[]; endUs: number }[] { return this.messages.filter((message) => message.type === 'segment-grew'); }
  get pauses(): { cause: string; atUs: number }[] { return this.messages.filter((message) => message.type === 'recording-paused'); }

  want(wants: Partial<Wants>): void { this.#process.send({ type: 'want', wants: { ...NOTHING_WANTED, ...wants } }); }

  async untilClosed(files: number): Promise<Segment[]> { return until(() => this.closed, (closed) => closed.length >= files, `${files} files`); }
  async untilGrown(fragments: number): Promise<void> { await until(() => this.grown.reduce((total, { fragments: more }) => total + more.length, 0), (count) => count >= fragments, `${fragments} fragments`); }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill(signal);
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.#rings, { recursive: true, force: true });
  }
}

/** A folder for recordings; gone with the test. */
export class RecordingFolder implements AsyncDisposable {
  readonly directory: string;
  private constructor(directory: string) { this.directory = directory; }
  static async make(): Promise<RecordingFolder> { return new RecordingFolder(await mkdtemp(`${tmpdir()}/ruth-rec-`)); }

  /** Full paths, in the order of their time. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> { await rm(this.directory, { recursive: true, force: true }); }
}

/** A hash of each picture of a file, all of which a decoder shows without a complaint. */
export async function pictures(path: string): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)('ffmpeg', ['-v', 'error', '-xerror', '-i', path, '-map', '0:v', '-fps_mode', 'passthrough', '-f', 'framehash', '-hash', 'adler32', '-'], { maxBuffer: 1 << 26 });
  assert.equal(stderr, '', path);
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)!.trim());
}
