// What one RTSP client asks for, and its one session: who it is, which mount, over which transport (RFC 2326, section 10).
import type { Socket } from 'node:net';
import type { ConnectionContext } from './connection-context.ts';
import { DigestAuthentication } from './digest-authentication.ts';
import { InterleavedSink, type PacketSink } from './packet-sink.ts';
import type { RtspRequest } from './request-decoder.ts';
import type { Reply } from './response.ts';
import { Session } from './session.ts';
import { sessionDescription, TRACK } from './session-description.ts';
import { chooseTransport } from './transport-header.ts';

const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER';
const METHODS: ReadonlySet<string> = new Set(PUBLIC.split(', '));
const KNOWN_BUT_REFUSED: ReadonlySet<string> = new Set(['ANNOUNCE', 'RECORD', 'REDIRECT']);
const MAX_FAILED_LOGINS = 3;

export class ClientSession {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #authentication: DigestAuthentication | null;
  readonly #onAlive: () => void;
  readonly #onEnd: () => void;
  #session: Session | null = null;
  #overTcp = false;
  #failedLogins = 0;
  #closed = false;

  /** `onAlive`: the client was heard on another way than its connection. `onEnd`: its source is no more. */
  constructor(socket: Socket, context: ConnectionContext, { onAlive, onEnd }: { readonly onAlive: () => void; readonly onEnd: () => void }) {
    this.#socket = socket;
    this.#context = context;
    this.#authentication = context.credentials ? new DigestAuthentication(context.credentials) : null;
    this.#onAlive = onAlive;
    this.#onEnd = onEnd;
  }

  /** A client that gets video over its connection need not say anything. */
  get playsOverTcp(): boolean { return this.#overTcp && this.#session?.playing === true; }

  /** Throws what the source throws. */
  async answer(request: RtspRequest): Promise<Reply> {
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
      sink = ports.open(this.#socket.remoteAddress ?? '', transport, this.#onAlive);
      answer = `RTP/AVP;unicast;client_port=${transport.rtpPort}-${transport.rtcpPort};server_port=${ports.rtpPort}-${ports.rtcpPort}`;
    }
    if (this.#closed) { // while the source was asked
      sink[Symbol.dispose]();
      return { status: 500, close: true };
    }
    const { limits, counters } = this.#context;
    this.#overTcp = transport.protocol === 'tcp';
    this.#session = new Session({
      mount, source, video, sink, maxBufferedBytes: limits.maxBufferedBytes, slowClientTimeoutMs: limits.slowClientTimeoutMs,
      onUnit: (fate) => { if (fate === 'sent') counters.unitsSent++; else counters.unitsDropped++; },
      onTooSlow: () => {
        counters.slowClientsClosed++;
        this.#socket.destroy();
      },
      onEnd: () => setImmediate(this.#onEnd),
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

  close(): void {
    this.#closed = true;
    this.#endSession();
  }

  #endSession(): void {
    this.#session?.[Symbol.dispose]();
    this.#session = null;
  }
}

/** The mount a request URI names, with or without the track behind it; null where it is no RTSP URL of ours. */
function mountOf(uri: string): string | null {
  const match = /^rtsps?:\/\/[^/?#]+\/([^?#]*)/i.exec(uri);
  const mount = match?.[1]?.replace(/\/+$/, '').replace(new RegExp(`/${TRACK}$`), '');
  return mount === undefined || mount === '' ? null : mount;
}
