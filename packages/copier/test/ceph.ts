// A real Ceph on this machine, of Debian's packages radosgw, ceph-mon and ceph-osd: one monitor, one OSD that keeps all in memory, one gateway. It listens on
// loopback alone, its files lie in a temporary folder, and it ends with whoever started it. Not part of `npm test`: see try-ceph.ts.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { CopiesConfig } from '@ruth/protocol';

export const ACCESS_KEY = 'RUTHTESTKEY';
export const SECRET_KEY = 'ruth-test-secret';
/** One who may not use the bucket. */
export const STRANGER = { key: 'STRANGERKEY', secret: 'stranger-secret' };
const START_TIMEOUT_MS = 120_000;
const run = promisify(execFile);

export class Ceph implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ruth-ceph-'));
  readonly #processes = new Map<string, ChildProcess>();
  #ports = { monitor: 0, gateway: 0 };

  private constructor() { /* see start */ }

  /** About 15 s. Throws what a process of it wrote last where that does not come up. */
  static async start(bucket = 'evidence'): Promise<Ceph> {
    const ceph = new Ceph();
    try {
      await ceph.#start(bucket);
      return ceph;
    } catch (error) {
      await ceph[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoint(): string { return `http://127.0.0.1:${this.#ports.gateway}`; }
  /** What ruth.yaml would say; the secret is in the environment as SECRET. */
  get config(): CopiesConfig { return { bucket: 'evidence', endpoint: this.endpoint, access_key_id: ACCESS_KEY, secret_access_key: { env: 'SECRET' } }; }

  client(): S3Client {
    return new S3Client({ endpoint: this.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }, requestChecksumCalculation: 'WHEN_REQUIRED' });
  }

  async read(name: string): Promise<Buffer> {
    using client = disposable(this.client());
    return Buffer.from(await (await client.it.send(new GetObjectCommand({ Bucket: 'evidence', Key: name }))).Body!.transformToByteArray());
  }

  async names(): Promise<string[]> {
    using client = disposable(this.client());
    return ((await client.it.send(new ListObjectsV2Command({ Bucket: 'evidence' }))).Contents ?? []).map(({ Key }) => Key!);
  }

  /** `ceph ...` */
  async tell(...words: string[]): Promise<string> { return (await run('ceph', ['-c', this.#conf, '--connect-timeout', '30', ...words])).stdout; }
  /** `radosgw-admin ...` */
  async admin(...words: string[]): Promise<string> { return (await run('radosgw-admin', ['-c', this.#conf, ...words])).stdout; }

  /** Writing waits while the storage is full: Ceph does not refuse then. */
  async setFull(full: boolean): Promise<void> {
    if (full) for (const [which, ratio] of [['full', '0.0001'], ['backfillfull', '0.00005'], ['nearfull', '0.00001']]) await this.tell('osd', `set-${which}-ratio`, ratio!);
    else await this.tell('osd', 'set-full-ratio', '0.95');
    await this.#until('full', async () => (await this.tell('health', 'detail')).includes('OSD_FULL') === full);
  }

  async startGateway(): Promise<void> {
    this.#spawn('radosgw', '-n', 'client.rgw.a');
    await this.#until('radosgw', async () => (await fetch(this.endpoint).catch(() => null))?.status === 200);
  }

  async stopGateway(): Promise<void> { await this.#stop('radosgw'); }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.#processes.keys()].reverse()) await this.#stop(program);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #conf(): string { return join(this.#folder, 'ceph.conf'); }

  async #start(bucket: string): Promise<void> {
    this.#ports = { monitor: await freePort(), gateway: await freePort() };
    const [cluster, disk] = [randomUUID(), randomUUID()];
    for (const folder of ['mon', 'osd']) mkdirSync(join(this.#folder, folder));
    writeFileSync(join(this.#folder, 'keyring'), '');
    writeFileSync(this.#conf, configuration(this.#folder, cluster, this.#ports));
    const map = join(this.#folder, 'monmap');
    await run('monmaptool', ['--create', '--addv', 'a', `[v1:127.0.0.1:${this.#ports.monitor}]`, '--fsid', cluster, map]);
    await run('ceph-mon', ['-c', this.#conf, '-i', 'a', '--mkfs', '--monmap', map]);
    this.#spawn('ceph-mon', '-i', 'a');
    await this.tell('osd', 'new', disk);
    await run('ceph-osd', ['-c', this.#conf, '-i', '0', '--mkfs', '--osd-uuid', disk]);
    this.#spawn('ceph-osd', '-i', '0');
    await this.#until('ceph-osd', async () => (await this.tell('osd', 'stat')).includes(' 1 up'));
    await this.admin('user', 'create', '--uid=ruth', '--display-name=Ruth', `--access-key=${ACCESS_KEY}`, `--secret-key=${SECRET_KEY}`);
    await this.admin('user', 'create', '--uid=stranger', '--display-name=Stranger', `--access-key=${STRANGER.key}`, `--secret-key=${STRANGER.secret}`);
    await this.startGateway();
    using client = disposable(this.client());
    await client.it.send(new CreateBucketCommand({ Bucket: bucket }));
  }

  #spawn(program: string, ...words: string[]): void {
    this.#processes.set(program, spawn(program, ['-c', this.#conf, ...words, '-f'], { stdio: 'ignore' }));
  }

  async #stop(program: string): Promise<void> {
    const child = this.#processes.get(program);
    this.#processes.delete(program);
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (const begunMs = performance.now(); !await isSo(); await delay(200)) {
      if (performance.now() - begunMs < START_TIMEOUT_MS) continue;
      throw new Error(`${what} did not come: ${readFileSync(join(this.#folder, 'log'), 'utf8').split('\n').slice(-5).join('\n')}`);
    }
  }
}

function configuration(folder: string, cluster: string, ports: { readonly monitor: number; readonly gateway: number }): string {
  return `[global]
fsid = ${cluster}
mon_initial_members = a
mon_host = v1:127.0.0.1:${ports.monitor}
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_data = ${folder}/mon
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_crush_chooseleaf_type = 0
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 1073741824
run_dir = ${folder}
admin_socket = ${folder}/$name.asok
log_file = ${folder}/log
keyring = ${folder}/keyring
[client.rgw.a]
rgw_frontends = beast endpoint=127.0.0.1:${ports.gateway}
rgw_data = ${folder}
rgw_bucket_quota_ttl = 1
`;
}

function disposable(it: S3Client): { readonly it: S3Client } & Disposable { return { it, [Symbol.dispose]: () => it.destroy() }; }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
