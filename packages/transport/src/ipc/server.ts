// Serves requests on a Unix socket: many connections, each answered one request at a time. An error is always an answer,
// never a silent close, and a client that stalls, lies or goes away costs the others nothing.
import { createServer, type Server, type Socket } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { ServerConnection, type ConnectionOptions, type IpcServerCounters } from './server-connection.ts';
import { listenOnSocket } from './socket-path.ts';

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
}

export class IpcServer implements AsyncDisposable {
  readonly path: string;
  readonly counters: Readonly<IpcServerCounters>;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, ServerConnection>();
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
      if (!full) return;
      counters.refused++;
      connection.reject(new RuthError('overloaded', `${maxConnections} connections are open, which is the limit`));
    });
    // Out of file descriptors: one client less, not one server less.
    this.#server.on('error', () => { counters.refused++; });
  }

  /** Claims `path` and serves on it. Throws as `claimSocketPath` does. */
  static async listen(path: string, options: IpcServerOptions): Promise<IpcServer> {
    const server = new IpcServer(path, options);
    await listenOnSocket(server.#server, path);
    return server;
  }

  get connections(): number { return this.#sockets.size; }

  /** Stops listening, answers the requests in flight, then closes; what is not answered after `graceMs` (2000 unless told) is cut off. */
  close({ graceMs = 2000 }: { graceMs?: number } = {}): Promise<void> {
    return this.#closed ??= this.#close(graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve()); // called when the last connection is closed
    for (const connection of this.#sockets.values()) connection.close();
    const timer = setTimeout(() => { for (const socket of this.#sockets.keys()) socket.destroy(); }, graceMs);
    await promise;
    clearTimeout(timer);
    await Promise.all([...this.#sockets.values()].map((connection) => connection.gone));
  }
}
