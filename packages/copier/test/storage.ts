// A real S3-compatible storage on this machine, and a stand-in for the two routes of the kernel that a copier asks.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { CopiesConfig, KeptFile } from '@ruth/protocol';
import S3rver from 's3rver';

/** What s3rver takes as a key. */
export const KEY = 'S3RVER';

export interface Storage extends AsyncDisposable {
  readonly config: CopiesConfig;
  /** The storage goes away, and comes back at the same address with what it had. */
  stop(): Promise<void>;
  start(): Promise<void>;
  read(name: string): Promise<Buffer>;
  names(): Promise<string[]>;
}

export async function openStorage(bucket = 'evidence'): Promise<Storage> {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-s3-'));
  let port = 0;
  let server: S3rver | null = null;
  const start = async (): Promise<void> => {
    server = new S3rver({ port, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: bucket, configs: [] }] });
    port = (await server.run()).port;
  };
  const stop = async (): Promise<void> => {
    await server?.close();
    server = null;
  };
  await start();
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: KEY, secretAccessKey: KEY } });
  return {
    config: { bucket, endpoint, access_key_id: KEY, secret_access_key: { env: 'SECRET' } }, stop, start,
    read: async (name) => Buffer.from(await (await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }))).Body!.transformToByteArray()),
    names: async () => ((await client.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map(({ Key }) => Key!),
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function storage(t: TestContext): Promise<Storage> {
  const opened = await openStorage();
  t.after(() => opened[Symbol.asyncDispose]());
  return opened;
}

/** Files by name; `bytes` may be changed under the index, as a bad disk does. */
export class KernelStandIn {
  readonly files = new Map<string, { kept: KeptFile; bytes: Buffer }>();
  readonly socketPath: string;
  readonly #server: Server;
  reads = 0;

  private constructor(t: TestContext) {
    const directory = mkdtempSync(join(tmpdir(), 'ruth-kept-'));
    this.socketPath = join(directory, 'kernel.sock');
    this.#server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://kernel');
      if (url.pathname === '/v1/kept') {
        const after = url.searchParams.get('after')!;
        // Two at a time, so that whoever asks must ask again.
        return response.end(JSON.stringify([...this.files.keys()].sort().filter((file) => file > after).slice(0, 2).map((file) => this.files.get(file)!.kept)));
      }
      const found = [...this.files.values()].find(({ kept: { camera_id, file } }) => url.pathname === `/v1/cameras/${camera_id}/segments/${file.split('/').at(-1)!}`);
      if (!found) return response.writeHead(404).end();
      this.reads++;
      return response.writeHead(200, { 'content-length': found.bytes.length }).end(found.bytes);
    });
    t.after(() => {
      this.#server.close();
      this.#server.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  static async start(t: TestContext): Promise<KernelStandIn> {
    const kernel = new KernelStandIn(t);
    kernel.#server.listen(kernel.socketPath);
    await once(kernel.#server, 'listening');
    return kernel;
  }

  keep(cameraId: string, startMs: number, size = 200_000): { kept: KeptFile; bytes: Buffer } {
    const iso = new Date(startMs).toISOString();
    const bytes = randomBytes(size);
    const file = `${cameraId}/${iso.slice(0, 10)}/${iso.slice(11, 13)}/${startMs}.mp4`;
    const one = { bytes, kept: { file, camera_id: cameraId, start: startMs / 1000, end: startMs / 1000 + 10, bytes: size, sha256: createHash('sha256').update(bytes).digest('hex') } };
    this.files.set(file, one);
    return one;
  }
}
