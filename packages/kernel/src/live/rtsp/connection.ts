// One client's RTSP connection: reads requests one after the other, answers them, and owns the client's one session.
import type { Socket } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { DigestAuthentication, type Credentials } from './digest-authentication.ts';
import type { MediaSource } from './media-source.ts';
import { InterleavedSink, type PacketSink } from './packet-sink.ts';
import { RequestDecoder, type RtspRequest } from './request-decoder.ts';
import { encodeReply, type Reply } from './response.ts';
import { Session } from './session.ts';
import { sessionDescription, TRACK } from './session-description.ts';
import { chooseTransport } from './transport-header.ts';
import type { UdpPorts } from './udp-ports.ts';

const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER';
const METHODS: ReadonlySet<string> = new Set(PUBLIC.split(', '));
const KNOWN_BUT_REFUSED: ReadonlySet<string> = new Set(['ANNOUNCE', 'RECORD', 'REDIRECT']);
const MAX_FAILED_LOGINS = 3;
/** A client that does not read the end is cut off. */
const CLOSE_LIMIT_MS = 500;

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

/** What the server lends to each of its connections. */
export interface ConnectionContext {
  readonly limits: RtspLimits;
  readonly counters: RtspCounters;
  readonly credentials: Credentials | null;
  source(mount: string): MediaSource | null;
  udpPorts(): Promise<UdpPorts>;
  onError(error: RuthError): void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder = new RequestDecoder();
  readonly #authentication: DigestAuthentication | null;
  #session: Session | null = null;
  #sessionOverTcp = false;
  #failedLogins = 0;
  #messageTimer: NodeJS.Timeout | null = null;
  readonly #silenceTimer: NodeJS.Timeout;
  #closed = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#authentication = context.credentials ? new DigestAuthentication(context.credentials) : null;
    this.#silenceTimer = setTimeout(() => this.#onSilence(), context.limits.sessionTimeoutMs);
  }

  /** Serves until the client goes, breaks the rules, or `close` is called. Never throws. */
  async run(): Promise<void> {
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 30_000);
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        this.#silenceTimer.refresh();
        this.#decoder.push(chunk);
        if (!await this.#drain()) break;
        this.#watchMessage();
      }
    } catch {
      // A reset connection ends like a closed one.
    } finally {
      this.close();
    }
  }

  /** Ends session and connection; what was written before still reaches a client that reads. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#silenceTimer);
    if (this.#messageTimer) clearTimeout(this.#messageTimer);
    this.#endSession();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), CLOSE_LIMIT_MS).unref();
  }

  /** Answers every complete message; false where the connection must end. */
  async #drain(): Promise<boolean> {
    for (;;) {
      const decoded = this.#decoder.next();
      if (decoded.kind === 'incomplete') return true;
      if (decoded.kind === 'interleaved') continue; // receiver reports: that the client lives is all they say here
      if (decoded.kind === 'malformed') {
        this.#context.counters.malformed++;
        this.#write({ status: decoded.status, close: true }, decoded.cseq);
        return false;
      }
      this.#context.counters.requests++;
      const cseq = decoded.request.headers.get('cseq') ?? null;
      const reply = await this.#answer(decoded.request).catch((error: unknown): Reply => {
        this.#context.onError(RuthError.from(error));
        return { status: RuthError.from(error).retryable ? 503 : 500 };
      });
      this.#write(reply, cseq);
      reply.after?.();
      // A client that asks without ever reading the answers is none.
      if (reply.close || this.#socket.writableLength > 2 * this.#context.limits.maxBufferedBytes) return false;
    }
  }

  async #answer(request: RtspRequest): Promise<Reply> {
    const { method, headers } = request;
    if (request.version !== 'RTSP/1.0') return { status: 505 };
    if (!/^\d{1,10}$/.test(headers.get('cseq') ?? '')) return { status: 400 };
    if (headers.has('require')) return { status: 551, headers: { Unsupported: headers.get('require')! } };
    if (KNOWN_BUT_REFUSED.has(method)) return { status: 405, headers: { Allow: PUBLIC } };
    if (!METHODS.has(method)) return { status: 501, headers: { Public: PUBLIC } };
    if (method === 'OPTIONS') return { status: 200, headers: { Public: PUBLIC } };
    const refusal = this.#authenticate(request);
    if (refusal) return refusal;
    if (method === 'DESCRIBE') return this.#describe(request);
    if (method === 'SETUP') return this.#setup(request);
    const id = headers.get('session')?.split(';')[0]?.trim();
    if (method === 'GET_PARAMETER' || method === 'SET_PARAMETER') {
      if (id !== undefined && id !== this.#session?.id) return { status: 454 };
      return request.body.toString('latin1').trim() === '' ? this.#ok() : { status: 451 };
    }
    const session = this.#session;
    if (!session || id !== session.id) return { status: 454 };
    if (mountOf(request.uri) !== session.mount) return { status: 404 };
    switch (method) {
      case 'PLAY': return this.#play(session, request);
      case 'PAUSE':
        session.pause();
        return this.#ok();
      default: // TEARDOWN
        this.#endSession();
        return { status: 200 };
    }
  }

  #authenticate({ method, uri, headers }: RtspRequest): Reply | null {
    if (!this.#authentication) return null;
    const authorization = headers.get('authorization');
    if (authorization !== undefined && this.#authentication.accepts(authorization, method, uri)) return null;
    if (authorization !== undefined) {
      this.#failedLogins++;
      this.#context.counters.loginsFailed++;
    }
    return { status: 401, headers: { 'WWW-Authenticate': this.#authentication.challenge }, close: this.#failedLogins >= MAX_FAILED_LOGINS };
  }

  async #describe(request: RtspRequest): Promise<Reply> {
    const mount = mountOf(request.uri);
    const source = mount === null ? null : this.#context.source(mount);
    if (!source) return { status: 404 };
    const body = sessionDescription(mount!, this.#socket.localAddress ?? '127.0.0.1', await source.describe());
    return { status: 200, headers: { 'Content-Base': `${request.uri.replace(/\/*$/, '')}/`, 'Content-Type': 'application/sdp' }, body };
  }

  async #setup(request: RtspRequest): Promise<Reply> {
    const mount = mountOf(request.uri);
    const source = mount === null ? null : this.#context.source(mount);
    if (mount === null || !source) return { status: 404 };
    const id = request.headers.get('session')?.split(';')[0]?.trim();
    if (id !== undefined && id !== this.#session?.id) return { status: 454 };
    // One track, so one SETUP per session; and one session per connection.
    if (this.#session) return { status: 455 };
    const transport = chooseTransport(request.headers.get('transport') ?? '');
    if (!transport) return { status: 461 };
    const video = await source.describe();
    let sink: PacketSink;
    let answer: string;
    if (transport.protocol === 'tcp') {
      sink = new InterleavedSink(this.#socket, transport.rtpChannel, transport.rtcpChannel);
      answer = `RTP/AVP/TCP;unicast;interleaved=${transport.rtpChannel}-${transport.rtcpChannel}`;
    } else {
      const ports = await this.#context.udpPorts();
      // Only ever to the client itself: a `destination` would let anybody aim the stream at anybody.
      sink = ports.open(this.#socket.remoteAddress ?? '', transport, () => this.#silenceTimer.refresh());
      answer = `RTP/AVP;unicast;client_port=${transport.rtpPort}-${transport.rtcpPort};server_port=${ports.rtpPort}-${ports.rtcpPort}`;
    }
    if (this.#closed) { // while the source was asked
      sink[Symbol.dispose]();
      return { status: 500, close: true };
    }
    const { limits, counters } = this.#context;
    this.#sessionOverTcp = transport.protocol === 'tcp';
    this.#session = new Session({
      mount, source, video, sink, maxBufferedBytes: limits.maxBufferedBytes, slowClientTimeoutMs: limits.slowClientTimeoutMs,
      onUnit: (fate) => { if (fate === 'sent') counters.unitsSent++; else counters.unitsDropped++; },
      onTooSlow: () => {
        counters.slowClientsClosed++;
        this.#socket.destroy();
      },
      onEnd: () => setImmediate(() => this.close()),
    });
    return this.#ok({ Transport: `${answer};ssrc=${this.#session.ssrc.toString(16).padStart(8, '0').toUpperCase()};mode="PLAY"` });
  }

  #play(session: Session, request: RtspRequest): Reply {
    if (session.playing) return this.#ok({ Range: 'npt=now-' });
    const { sequence, timestamp, begin } = session.play();
    const base = request.uri.replace(/\/*$/, '').replace(new RegExp(`/${TRACK}$`), '');
    const info = `url=${base}/${TRACK};seq=${sequence}${timestamp === null ? '' : `;rtptime=${timestamp}`}`;
    return { ...this.#ok({ Range: 'npt=now-', 'RTP-Info': info }), after: begin };
  }

  #ok(headers: Record<string, string> = {}): Reply {
    const seconds = Math.round(this.#context.limits.sessionTimeoutMs / 1000);
    return { status: 200, headers: this.#session ? { Session: `${this.#session.id};timeout=${seconds}`, ...headers } : headers };
  }

  #endSession(): void {
    this.#session?.[Symbol.dispose]();
    this.#session = null;
  }

  #write(reply: Reply, cseq: string | null): void {
    if (this.#socket.writable) this.#socket.write(encodeReply(reply, cseq));
  }

  #watchMessage(): void {
    if (this.#decoder.pendingBytes === 0) {
      if (this.#messageTimer) clearTimeout(this.#messageTimer);
      this.#messageTimer = null;
    } else {
      this.#messageTimer ??= setTimeout(() => this.#giveUp(), this.#context.limits.messageTimeoutMs);
    }
  }

  #onSilence(): void {
    if (this.#session?.playing && this.#sessionOverTcp) this.#silenceTimer.refresh();
    else this.#giveUp();
  }

  #giveUp(): void {
    this.#context.counters.timedOut++;
    this.#write({ status: 408, close: true }, null);
    this.close();
  }
}

/** The mount a request URI names, with or without the track behind it; null where it is no RTSP URL of ours. */
function mountOf(uri: string): string | null {
  const match = /^rtsps?:\/\/[^/?#]+\/([^?#]*)/i.exec(uri);
  const mount = match?.[1]?.replace(/\/+$/, '').replace(new RegExp(`/${TRACK}$`), '');
  return mount === undefined || mount === '' ? null : mount;
}
