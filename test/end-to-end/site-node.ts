// A node of a site for tests of its servers: a kernel as a process, a server in this one; where NATS is named also the fleet process, so that cameras of the site come to it. No core.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelSocketPath } from '@ruth/protocol';
import { startServer, type RunningServer } from '@ruth/server';
import { createLogger } from '@ruth/transport';
import { ask as askSocket, until } from '../../packages/kernel/test/test-kernel.ts';
import { root } from './running-ruth.ts';

const ADMIN_TOKEN = 'a-fixed-token-for-tests-of-sites';
export const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PASSWORD = 'correct horse battery';
const LOG = process.env.RUTH_TEST_LOG;

export interface SiteNodeOptions {
  readonly id: string;
  /** Its own. */
  readonly cameras?: readonly object[];
  readonly databaseUrl: string;
  readonly pageDirectory: string;
  /** Null: whoever starts it stands in for the fleet process. */
  readonly natsUrl?: string | null;
  readonly labels?: Record<string, string>;
}

export class SiteNode implements AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly server: RunningServer;
  readonly #settings: string;
  readonly #rings: string;
  readonly #children = new Map<'kernel' | 'fleet', ChildProcess>();

  private constructor({ id, cameras = [], natsUrl = null, labels = {} }: SiteNodeOptions, folder: string, rings: string, server: RunningServer) {
    this.id = id;
    this.folder = folder;
    this.#rings = rings;
    this.server = server;
    this.#settings = JSON.stringify({
      paths: { socket_directory: folder, ring_directory: rings, data_directory: folder }, log_level: LOG ?? 'error', models: [], cameras,
      site: { nats: [natsUrl ?? 'nats://127.0.0.1:9'], node: id, server_url: server.url, replicas: 1, capacity_cores: 0.8, labels },
    });
  }

  static async start(options: SiteNodeOptions): Promise<SiteNode> {
    const { id, databaseUrl, pageDirectory } = options;
    const folder = await mkdtemp(`${tmpdir()}/ruth-site-node-`);
    const server = await startServer({
      host: '127.0.0.1', port: 0, socketDirectory: folder, models: [], pageDirectory, adminToken: ADMIN_TOKEN, site: { node: id, caFile: null, pipesFromViewers: 2 }, store: { kind: 'postgres', url: databaseUrl, node: id }, logger: createLogger('server', LOG ?? 'silent'),
    });
    const node = new SiteNode(options, folder, await mkdtemp('/dev/shm/ruth-test-'), server);
    await node.startKernel();
    if (options.natsUrl) node.#begin('fleet');
    return node;
  }

  async startKernel(): Promise<void> {
    this.#begin('kernel');
    await until(() => askSocket(kernelSocketPath(this.folder), 'GET', '/v1/health').then(({ status }) => status, () => 0), (status) => status === 200, 'the kernel is there');
  }

  get kernelPid(): number { return this.#children.get('kernel')!.pid!; }

  killKernel(): Promise<void> { return this.#end('kernel', 'SIGKILL'); }

  ask(method: string, path: string, headers: Record<string, string> = admin, body?: string): Promise<Response> {
    return fetch(new URL(path, this.server.url), { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': path.endsWith('/whep') ? 'application/sdp' : 'application/json' }) }, ...(body === undefined ? {} : { body }) });
  }

  /** 0 where it is not told. */
  async metric(name: string): Promise<number> {
    const text = await (await this.ask('GET', '/metrics')).text();
    return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
  }

  /** Somebody new, signed in here: the cookie of their session. */
  async addViewer(name: string): Promise<{ cookie: { name: string; value: string; url: string }; headers: Record<string, string> }> {
    const said = async (method: string, path: string, headers: Record<string, string>, body: object): Promise<Response> => {
      const response = await this.ask(method, path, headers, JSON.stringify(body));
      assert.ok(response.ok, `${method} ${path}: ${response.status}`);
      return response;
    };
    await said('POST', '/api/v1/users', admin, { name, role: 'viewer', password: 'for one time only' });
    const first = await said('POST', '/api/v1/session', {}, { name, password: 'for one time only' });
    const [cookie, value] = first.headers.getSetCookie()[0]!.split(';')[0]!.split('=') as [string, string];
    const headers = { cookie: `${cookie}=${value}`, origin: this.server.url };
    await said('PUT', '/api/v1/session/password', headers, { next: PASSWORD });
    return { cookie: { name: cookie, value, url: this.server.url }, headers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#end('fleet', 'SIGTERM');
    await this.#end('kernel', 'SIGKILL');
    for (const path of [this.folder, this.#rings]) await rm(path, { recursive: true, force: true });
  }

  #begin(part: 'kernel' | 'fleet'): void {
    const child = spawn(process.execPath, [join(root, `packages/${part}/src/main.ts`), '-c', '-'], { stdio: ['pipe', LOG ? 'inherit' : 'ignore', 'inherit'] });
    child.stdin.end(this.#settings);
    this.#children.set(part, child);
  }

  async #end(part: 'kernel' | 'fleet', signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(part);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
