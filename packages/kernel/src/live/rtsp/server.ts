// An RTSP server for H.264 and H.265 (RFC 2326): the demo camera, and the kernel's restream output.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { Connection } from './connection.ts';
import type { ConnectionContext, RtspCounters, RtspLimits } from './connection-context.ts';
import type { Credentials } from './digest-authentication.ts';
import type { MediaSource } from './media-source.ts';
import { UdpPorts } from './udp-ports.ts';

const DEFAULT_LIMITS: RtspLimits = {
  maxConnections: 64, messageTimeoutMs: 10_000, sessionTimeoutMs: 60_000, maxBufferedBytes: 4 * 1024 * 1024, slowClientTimeoutMs: 10_000,
};

export interface RtspServerOptions {
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0, which picks a free one, unless told. */
  readonly port?: number;
  /** The source behind a path such as `demo`; null answers 404. */
  readonly source: (mount: string) => MediaSource | null;
  /** Digest authentication is asked for where these are given. */
  readonly credentials?: Credentials | undefined;
  readonly limits?: Partial<RtspLimits>;
  /** Hears of failures of sources and of bugs; clients' mistakes are only counted. */
  readonly onError?: (error: RuthError) => void;
}

export class RtspServer implements AsyncDisposable {
  readonly counters: RtspCounters = {
    connections: 0, connectionsRefused: 0, requests: 0, malformed: 0, timedOut: 0, loginsFailed: 0,
    unitsSent: 0, unitsDropped: 0, slowClientsClosed: 0,
  };
  readonly #server: Server;
  readonly #connections = new Map<Connection, Promise<void>>();
  #udpPorts: Promise<UdpPorts> | null = null;

  private constructor(options: RtspServerOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const context: ConnectionContext = {
      limits, counters: this.counters, credentials: options.credentials ?? null,
      source: options.source,
      udpPorts: () => this.#bindUdpPorts(),
      onError: options.onError ?? (() => undefined),
    };
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.#connections.size >= limits.maxConnections) {
        this.counters.connectionsRefused++;
        socket.destroy();
        return;
      }
      this.counters.connections++;
      const connection = new Connection(socket, context);
      this.#connections.set(connection, connection.run().finally(() => this.#connections.delete(connection)));
    });
  }

  /** Resolves once clients can connect. Throws `socket_in_use` where the port is taken, `unreachable` where the address is none of this machine. */
  static async listen(options: RtspServerOptions): Promise<RtspServer> {
    const server = new RtspServer(options);
    const { host = '127.0.0.1', port = 0 } = options;
    try {
      server.#server.listen(port, host);
      await once(server.#server, 'listening');
    } catch (cause) {
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw new RuthError(taken ? 'socket_in_use' : 'unreachable', `cannot listen on ${host}:${port}: ${(cause as Error).message}`, { cause });
    }
    return server;
  }

  get port(): number { return this.#address.port; }
  get connectionCount(): number { return this.#connections.size; }

  /** The address of a mount, without credentials. */
  url(mount: string): string {
    const { address, port, family } = this.#address;
    return `rtsp://${family === 'IPv6' ? `[${address}]` : address}:${port}/${mount}`;
  }

  /** Ends every session (with an RTCP BYE) and connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(this.#connections.values());
    await closed;
    (await this.#udpPorts?.catch(() => null))?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #address(): AddressInfo { return this.#server.address() as AddressInfo; }

  #bindUdpPorts(): Promise<UdpPorts> {
    const { address, family } = this.#address;
    this.#udpPorts ??= UdpPorts.bind(address, family === 'IPv6' ? 'udp6' : 'udp4').catch((error: unknown) => {
      this.#udpPorts = null;
      throw error;
    });
    return this.#udpPorts;
  }
}
