// A real S3-compatible storage on this machine, and a stand-in for the two routes of the kernel that a copier asks.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** In front of a storage: hands on what it is asked, and refuses to put some files, when it has their bytes. */
export class StorageInFront {
  readonly endpoint: string;
  refusals = 0;
  /** Of each file that was put: the hash of its bytes that was signed. */
  readonly signed = new Map<string, string>();
  refusal = { status: 400, code: 'EntityTooLarge', message: 'it is too large' };

  private constructor(endpoint: string) { this.endpoint = endpoint; }

  static async start(t: TestContext, behind: string, refuses: (file: string) => boolean): Promise<StorageInFront> {
    const server = createServer((request, response) => {
      // The path begins with the bucket.
      const file = decodeURIComponent(new URL(request.url!, behind).pathname.split('/').slice(2).join('/'));
      if (request.method === 'PUT') front.signed.set(file, request.headers['x-amz-content-sha256'] as string);
      if (request.method === 'PUT' && refuses(file)) {
        request.resume().on('end', () => {
          front.refusals++;
          const { status, code, message } = front.refusal;
          response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
        });
        return;
      }
      const asked = forward(new URL(request.url!, behind), { method: request.method!, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      asked.on('error', () => response.destroy());
      request.pipe(asked);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const front = new StorageInFront(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => server.close().closeAllConnections());
    return front;
  }
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
