// What the ipc tests share: a fresh directory for sockets, servers that can be told to wait or to misbehave, and a client that sends bare bytes.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { RuthError } from '@ruth/protocol';
import { encodeMessage, IpcServer, MessageDecoder, type IpcServerOptions } from '../src/index.ts';

export const TIMEOUT_MS = 10_000;

export function freshDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const refuse = (error: RuthError): unknown => ({ error: error.message, error_code: error.code });

/** An echo server unless `options` say otherwise; closed when the test ends. */
export async function serve(t: TestContext, options: Partial<IpcServerOptions> = {}, path = join(freshDirectory(t), 's.sock')): Promise<IpcServer> {
  const server = await IpcServer.listen(path, { handle: async (message) => ({ echo: message }), refuse, ...options });
  t.after(() => server.close({ graceMs: 0 }));
  return server;
}

/** A server that does with each request on each connection what the test says. */
export async function scripted(t: TestContext, act: (socket: Socket, connection: number, request: number, message: unknown) => void): Promise<string> {
  const path = join(freshDirectory(t), 's.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    const decoder = new MessageDecoder();
    let requests = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk);
      for (let next = decoder.next(); next.status === 'message'; next = decoder.next()) act(socket, connection, requests++, next.value);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path;
}

export class BareClient {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly #decoder = new MessageDecoder();
  readonly #chunks: AsyncIterator<Buffer>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async connect(t: TestContext, path: string): Promise<BareClient> {
    const socket = connect({ path, allowHalfOpen: true });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return new BareClient(socket);
  }

  send(...messages: unknown[]): void {
    this.sendBytes(Buffer.concat(messages.map(encodeMessage)));
  }

  sendBytes(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next message, or null where the server ended instead. */
  async receive(): Promise<unknown> {
    for (;;) {
      const next = this.#decoder.next();
      if (next.status === 'message') return next.value;
      const chunk = await this.#chunks.next();
      if (chunk.done) return null;
      this.#decoder.push(chunk.value);
    }
  }
}

/** Waits until `condition` holds: for what has no event, such as a counter. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A handler that waits for the test: `begun` resolves with each message, `release` lets them all go on. */
export function gate(): { handle: IpcServerOptions['handle']; begun: () => Promise<unknown>; release: () => void; signals: AbortSignal[] } {
  const released = Promise.withResolvers<void>();
  const arrived: unknown[] = [];
  const listeners: ((message: unknown) => void)[] = [];
  const signals: AbortSignal[] = [];
  return {
    signals,
    handle: async (message, { signal }) => {
      signals.push(signal);
      const listener = listeners.shift();
      if (listener) listener(message);
      else arrived.push(message);
      await released.promise;
      return { echo: message };
    },
    begun: () => arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => listeners.push(resolve)),
    release: released.resolve,
  };
}
