// A bare RTSP client for tests: sends what it is told, also what no client should, and reads responses and packets.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Response { readonly kind: 'response'; readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly body: string }
export interface Packet { readonly kind: 'packet'; readonly channel: number; readonly data: Buffer }

export class BareClient implements Disposable {
  readonly socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);
  #cseq = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  static async connect(port: number): Promise<BareClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new BareClient(socket);
  }

  /** Sends a request and gives its response; packets in between are passed over. */
  async request(method: string, uri: string, headers: Record<string, string> = {}, body = ''): Promise<Response> {
    const lines = Object.entries({ CSeq: String(++this.#cseq), ...headers, ...(body === '' ? {} : { 'Content-Length': String(body.length) }) });
    this.socket.write(`${method} ${uri} RTSP/1.0\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
    for (;;) {
      const message = await this.next();
      if (message === null) throw new Error('the server closed the connection');
      if (message.kind === 'response') return message;
    }
  }

  /** SETUP over TCP and PLAY; gives the session id. */
  async play(uri: string): Promise<string> {
    const setup = await this.request('SETUP', `${uri}/track1`, { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' });
    const session = setup.headers.get('session')!.split(';')[0]!;
    await this.request('PLAY', uri, { Session: session });
    return session;
  }

  /** The next RTP packet. */
  async rtp(): Promise<Buffer> {
    for (;;) {
      const message = await this.next();
      if (message === null) throw new Error('the server closed the connection');
      if (message.kind === 'packet' && message.channel === 0) return message.data;
    }
  }

  /** The next message, or null once the server has closed. */
  async next(): Promise<Response | Packet | null> {
    for (;;) {
      const message = this.#take();
      if (message) return message;
      const chunk = await this.#chunks.next().catch(() => ({ done: true, value: undefined }) as const);
      if (chunk.done) return null;
      this.#buffer = Buffer.concat([this.#buffer, chunk.value]);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #take(): Response | Packet | null {
    if (this.#buffer[0] === 0x24) {
      const end = this.#buffer.length < 4 ? Infinity : 4 + this.#buffer.readUInt16BE(2);
      if (this.#buffer.length < end) return null;
      const packet = { kind: 'packet', channel: this.#buffer[1]!, data: this.#buffer.subarray(4, end) } as const;
      this.#buffer = this.#buffer.subarray(end);
      return packet;
    }
    const headEnd = this.#buffer.indexOf('\r\n\r\n');
    if (headEnd < 0) return null;
    const [statusLine = '', ...lines] = this.#buffer.toString('latin1', 0, headEnd).split('\r\n');
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    const end = headEnd + 4 + Number(headers.get('content-length') ?? 0);
    if (this.#buffer.length < end) return null;
    const body = this.#buffer.toString('utf8', headEnd + 4, end);
    this.#buffer = this.#buffer.subarray(end);
    return { kind: 'response', status: Number(statusLine.split(' ')[1]), headers, body };
  }
}
