// Serves requests on a Unix socket: many connections, each answered one request at a time. An error is always an answer,
// never a silent close, and a client that stalls, lies or goes away costs the others nothing. A server can take the path over
// from another one, which then drains: no request is lost between the two.
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol/base';
import { PublishedSocket } from './published-socket.ts';
import { ServerConnection, type ConnectionOptions, type IpcServerCounters } from './server-connection.ts';

export type { IpcServerCounters } from './server-connection.ts';

export interface IpcServerOptions extends Pick<ConnectionOptions, 'handle' | 'refuse'> {
  /** More connections are answered `overloaded` and closed; 1024 unless told. */
  readonly maxConnections?: number;
  /** For a begun message to be completed; 10 000 unless told. */
  readonly messageTimeoutMs?: number;
  /** For an answer to be taken by the client; 10 000 unless told. */
  readonly answerTimeoutMs?: number;
  /** After which a connection without a request is closed; 0, the default, keeps it. */
  readonly idleTimeoutMs?: number;
  /** Takes the path over from the server that listens there, which must then be told to drain; false unless told. */
  readonly takeOver?: boolean;
}

/** Connections that were on their way to a path when it changed hands are here by then. */
const SETTLE_MS = 250;

export class IpcServer implements AsyncDisposable {
  readonly path: string;
  readonly counters: Readonly<IpcServerCounters>;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, ServerConnection>();
  #published: PublishedSocket | null = null;
  #draining = false;
  #listenerClosed: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  private constructor(path: string, options: IpcServerOptions) {
    const { maxConnections = 1024, messageTimeoutMs = 10_000, answerTimeoutMs = 10_000, idleTimeoutMs = 0, handle, refuse } = options;
    const connectionOptions = { handle, refuse, messageTimeoutMs, answerTimeoutMs, idleTimeoutMs };
    const counters: IpcServerCounters = { accepted: 0, refused: 0, requests: 0, errors: 0, abandoned: 0, slow: 0, unread: 0 };
    this.path = path;
    this.counters = counters;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const full = this.#sockets.size >= maxConnections;
      const connection = new ServerConnection(socket, ++counters.accepted, connectionOptions, counters);
      this.#sockets.set(socket, connection);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#draining) connection.drain();
      if (!full) return;
      counters.refused++;
      connection.reject(new RuthError('overloaded', `${maxConnections} connections are open, which is the limit`));
    });
    // Out of file descriptors: one client less, not one server less.
    this.#server.on('error', () => { counters.refused++; });
  }

  /** Serves on `path`. Throws as `claimSocketPath` does. */
  static async listen(path: string, options: IpcServerOptions): Promise<IpcServer> {
    const server = new IpcServer(path, options);
    server.#published = await PublishedSocket.publish(server.#server, path, { takeOver: options.takeOver ?? false });
    return server;
  }

  /** Whether new clients come here: no other server has taken the path over, and nobody has removed the socket. */
  get isReachable(): boolean { return this.#published?.isCurrent ?? false; }

  get connections(): number { return this.#sockets.size; }

  /** Stops listening, answers the requests in flight, then closes; what is not answered after `graceMs` (2000 unless told) is cut off. */
  close({ graceMs = 2000 }: { graceMs?: number } = {}): Promise<void> {
    return this.#closed ??= this.#close(graceMs);
  }

  /**
   * For a server whose path another has taken over: answers all that was sent to it, closes each connection after its answer and idle
   * ones at once, and is closed then. After `limitMs` what is left is cut off; when `signal` aborts it is closed as `close` does.
   */
  async drain({ limitMs, signal }: { limitMs: number; signal?: AbortSignal }): Promise<void> {
    this.#draining = true;
    for (const connection of this.#sockets.values()) connection.drain();
    const timer = setTimeout(() => void this.close({ graceMs: 0 }), limitMs);
    const stop = (): void => void this.close();
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    await delay(SETTLE_MS);
    // A process that got no CPU meanwhile has them waiting still: whoever was there is taken before nobody is any more.
    await immediate();
    await this.#ended();
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    await this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    this.#published?.withdraw();
    for (const connection of this.#sockets.values()) connection.close();
    const timer = setTimeout(() => { for (const socket of this.#sockets.keys()) socket.destroy(); }, graceMs);
    await this.#ended();
    clearTimeout(timer);
    await Promise.all([...this.#sockets.values()].map((connection) => connection.gone));
  }

  /** Listens no more; resolves when the last connection is closed. */
  #ended(): Promise<void> {
    return this.#listenerClosed ??= new Promise((resolve) => { this.#server.close(() => resolve()); });
  }
}
