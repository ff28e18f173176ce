// A kernel for tests, with sockets and rings in folders of its own.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseSettings, type CameraStatus } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { Kernel } from '../src/index.ts';

export interface TestCamera {
  readonly id: string;
  readonly url: string;
  readonly transport?: 'tcp' | 'udp';
  readonly stall_timeout_ms?: number;
  readonly frames?: { readonly slots: number };
  readonly detect_url?: string;
}

const WAIT_LIMIT_MS = 90_000;

export class TestFolders implements AsyncDisposable {
  readonly sockets: string;
  readonly rings: string;
  private constructor(sockets: string, rings: string) {
    this.sockets = sockets;
    this.rings = rings;
  }
  static async make(): Promise<TestFolders> { return new TestFolders(await mkdtemp(`${tmpdir()}/ruth-k-`), await mkdtemp('/dev/shm/ruth-test-')); }
  /** `sections`: further sections of ruth.yaml. */
  settingsText(cameras: readonly TestCamera[], sections: object = {}): string {
    return JSON.stringify({ paths: { socket_directory: this.sockets, ring_directory: this.rings }, cameras, models: [], ...sections });
  }
  ringFiles(): Promise<string[]> { return readdir(this.rings); }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of [this.sockets, this.rings]) await rm(path, { recursive: true, force: true });
  }
}

export class TestKernel implements AsyncDisposable {
  readonly kernel: Kernel;
  readonly folders: TestFolders;
  private constructor(kernel: Kernel, folders: TestFolders) {
    this.kernel = kernel;
    this.folders = folders;
  }

  static async start(cameras: readonly TestCamera[], folders?: TestFolders, sections?: object): Promise<TestKernel> {
    const own = folders ?? await TestFolders.make();
    const settings = parseSettings(own.settingsText(cameras, sections), 'test');
    return new TestKernel(await Kernel.start({ settings, logger: createLogger('kernel', 'silent') }), own);
  }

  /** Waits until a camera is as wanted, and returns how it is. */
  async until(id: string, wanted: (status: CameraStatus) => boolean, what: string): Promise<CameraStatus> {
    return until(() => this.kernel.camera(id), wanted, `${id}: ${what}`);
  }

  streaming(id: string): Promise<CameraStatus> { return this.until(id, (status) => status.state === 'streaming', 'streams'); }

  lease(id: string, fps: number, ttlMs = 60_000, leaseId = `lease-${id}`): string {
    return this.kernel.lease(leaseId, { camera_id: id, fps, ttl_ms: ttlMs }).frame_reference;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel.close();
    await this.folders[Symbol.asyncDispose]();
  }
}

/** Looks again and again, for the states of other processes have no event here. */
export async function until<T>(look: () => T | Promise<T>, wanted: (value: T) => boolean, what: string): Promise<T> {
  const endMs = performance.now() + WAIT_LIMIT_MS;
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}; it is ${JSON.stringify(value)}`);
    await delay(20);
  }
}

export interface Answer { readonly status: number; readonly body: Record<string, unknown> }

/** One HTTP request over a Unix socket. */
export function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const outgoing = request({ socketPath, method, path, headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { answer += chunk; });
      response.on('end', () => resolve({ status: response.statusCode!, body: answer === '' ? {} : JSON.parse(answer) as Record<string, unknown> }));
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
