// What the RTSP server lends to each of its connections: limits, counters, and the ways to sources and ports.
import type { RuthError } from '@ruth/protocol';
import type { Credentials } from './digest-authentication.ts';
import type { MediaSource } from './media-source.ts';
import type { UdpPorts } from './udp-ports.ts';

export interface RtspLimits {
  /** Connections at once; further ones are closed at once. */
  readonly maxConnections: number;
  /** To complete a message that has begun. */
  readonly messageTimeoutMs: number;
  /** Silence after which a session ends, and a connection without one. Not applied while video flows over TCP. */
  readonly sessionTimeoutMs: number;
  /** Bytes that may wait for a slow client before it loses pictures. */
  readonly maxBufferedBytes: number;
  /** How long a client may stay behind before it is given up. */
  readonly slowClientTimeoutMs: number;
}

export interface RtspCounters {
  connections: number;
  connectionsRefused: number;
  requests: number;
  malformed: number;
  timedOut: number;
  loginsFailed: number;
  unitsSent: number;
  unitsDropped: number;
  slowClientsClosed: number;
}

export interface ConnectionContext {
  readonly limits: RtspLimits;
  readonly counters: RtspCounters;
  readonly credentials: Credentials | null;
  source(mount: string): MediaSource | null;
  udpPorts(): Promise<UdpPorts>;
  onError(error: RuthError): void;
}
