// The RTSP client's conversation with a camera over one connection, TCP or TLS: one request at a time, signed where the camera asks
// for it, and RTP frames in between. Every wait is limited by the caller's `signal`.
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { RuthError } from '@ruth/protocol';
import type { AddressPolicy } from '@ruth/transport';
import { Authorization, type Credentials } from './authorization.ts';
import { InterleavedDecoder, type RtspAnswer } from './interleaved-decoder.ts';

const RTSP_PORT = 554;
const RTSPS_PORT = 322;
const READ_BYTES = 128 << 10;
/** So long is gathered what nobody waits for: four pictures of most cameras for one wake-up. It adds to what a crash may cost. */
const GATHER_MS = 160;
const UNAUTHORIZED = [401, 403];

export interface ConnectionHandlers {
  readonly onFrame: (channel: number, payload: Buffer) => void;
  /** Once, after which nothing comes. */
  readonly onEnd: (error: RuthError) => void;
}

export class RtspConnection implements Disposable {
  readonly #socket: Socket;
  /** What the socket says when requests may be sent. */
  readonly #readyEvent: 'connect' | 'secureConnect';
  readonly #address: string;
  readonly #credentials: Credentials | null;
  readonly #decoder: InterleavedDecoder;
  readonly #handlers: ConnectionHandlers;
  readonly #waiting: { readonly resolve: (answer: RtspAnswer) => void; readonly reject: (error: RuthError) => void }[] = [];
  #authorization: Authorization | null = null;
  #sequence = 0;
  #ended: RuthError | null = null;
  #prompt = true;
  /** By `pause`. */
  #held = false;
  /** What comes is left to gather in the socket, until the timer has run. */
  #gathering = false;
  #timer: NodeJS.Timeout | null = null;

  private constructor(url: URL, handlers: ConnectionHandlers, { lookup }: AddressPolicy) {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const secure = url.protocol === 'rtsps:';
    const port = url.port === '' ? (secure ? RTSPS_PORT : RTSP_PORT) : Number(url.port);
    this.#address = `${url.hostname}:${port}`;
    this.#credentials = url.username === '' ? null : { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
    this.#handlers = handlers;
    this.#decoder = new InterleavedDecoder({ onFrame: handlers.onFrame, onAnswer: (answer) => this.#waiting.shift()?.resolve(answer) });
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    // One buffer for all reads: an idle camera leaves no garbage behind.
    const options = { host, port, lookup, noDelay: true, onread: { buffer, callback: (length: number) => this.#read(buffer, length) } };
    // Cameras sign their own certificates: it is encrypted, and nobody's name is proven.
    this.#socket = secure ? connectSecurely({ ...options, rejectUnauthorized: false, ...(isIP(host) === 0 ? { servername: host } : {}) }) : connect(options);
    this.#readyEvent = secure ? 'secureConnect' : 'connect';
    this.#socket.on('error', (error) => this.#end(new RuthError('camera_unreachable', `the connection to ${this.#address} broke: ${error.message}`)));
    this.#socket.on('close', () => this.#end(new RuthError('camera_unreachable', `${this.#address} closed the connection`)));
  }

  /** Throws `camera_unreachable`, `forbidden` where no camera may be. */
  static async open(url: URL, handlers: ConnectionHandlers, signal: AbortSignal, addresses: AddressPolicy): Promise<RtspConnection> {
    addresses.assertUrl(url.href);
    const connection = new RtspConnection(url, handlers, addresses);
    try {
      await connection.#connected(signal);
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends a request and returns a good answer. Throws `camera_unauthorized`, `camera_protocol`, `camera_unreachable`. */
  async request(method: string, url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RtspAnswer> {
    let answer = await this.#ask(method, url, headers, signal);
    // A nonce may have grown old as well.
    if (answer.status === 401 && this.#credentials) {
      this.#authorization = Authorization.answering(answer.headers.get('www-authenticate') ?? [], this.#credentials);
      if (this.#authorization) answer = await this.#ask(method, url, headers, signal);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    if (UNAUTHORIZED.includes(answer.status)) throw new RuthError('camera_unauthorized', `${this.#address} refuses ${this.#credentials ? 'these credentials' : 'to show itself without credentials'}`);
    // Nor by another reader: where it leads was judged by nobody.
    if (answer.status >= 300 && answer.status < 400) throw new RuthError('camera_unreachable', `${this.#address} sends elsewhere (${answer.status}), which is not followed; give the address it leads to as that of the camera`);
    if (answer.status === 404) throw new RuthError('camera_protocol', `${this.#address} knows no stream of this path (404)`);
    throw new RuthError('camera_protocol', `${this.#address} answered ${method} with ${answer.status} ${answer.reason}`);
  }

  /** Sends a request whose answer nobody needs, such as a keep-alive. */
  post(method: string, url: string, headers: Readonly<Record<string, string>>): void {
    this.#waiting.push({ resolve: () => undefined, reject: () => undefined });
    this.#send(method, url, headers);
  }

  sendFrame(channel: number, payload: Buffer): void {
    if (this.#socket.writable) this.#socket.write(Buffer.concat([Buffer.from([0x24, channel, payload.length >> 8, payload.length & 0xff]), payload]));
  }

  pause(): void {
    this.#held = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#held = false;
    if (!this.#gathering) this.#socket.resume();
  }

  /** True, as at first: what comes is handed on at once. False: up to `GATHER_MS` later, several frames at a time. */
  setPrompt(prompt: boolean): void {
    this.#prompt = prompt;
    if (prompt && this.#gathering) this.#endGathering();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer ?? undefined);
    this.#end(new RuthError('cancelled', 'the camera is being closed'));
    this.#socket.destroy();
  }

  #read(buffer: Buffer, length: number): boolean {
    if (this.#ended) return false;
    try {
      this.#decoder.push(buffer.subarray(0, length));
    } catch (error) {
      this.#end(RuthError.from(error));
      this.#socket.destroy();
    }
    // A full buffer: there is more.
    if (!this.#prompt && this.#ended === null && length < buffer.length) {
      this.#gathering = true;
      if (this.#timer) this.#timer.refresh();
      else this.#timer = setTimeout(() => this.#endGathering(), GATHER_MS);
      return false;
    }
    return true;
  }

  #endGathering(): void {
    this.#gathering = false;
    if (!this.#held) this.#socket.resume();
  }

  #connected(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(new RuthError('camera_unreachable', `${this.#address} cannot be reached: no answer in time`));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#socket.once(this.#readyEvent, () => { signal.removeEventListener('abort', onAbort); resolve(); });
      this.#socket.once('error', (error: NodeJS.ErrnoException) => {
        signal.removeEventListener('abort', onAbort);
        reject((error as Error) instanceof RuthError ? error : new RuthError('camera_unreachable', `${this.#address} cannot be reached: ${error.code === 'ECONNREFUSED' ? 'connection refused' : error.message}`));
      });
    });
  }

  async #ask(method: string, url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RtspAnswer> {
    if (this.#ended) throw this.#ended;
    const { promise, resolve, reject } = Promise.withResolvers<RtspAnswer>();
    const onAbort = (): void => reject(new RuthError('camera_protocol', `${this.#address} accepts connections but does not answer ${method}`));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push({ resolve, reject });
    this.#send(method, url, headers);
    try {
      return await promise;
    } catch (error) {
      // Who closes before the first answer is no camera; who closes later is one that went away.
      throw this.#sequence <= 1 && this.#ended === error ? new RuthError('camera_protocol', `${this.#address} closes the connection without an answer`, { cause: error }) : error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #send(method: string, url: string, headers: Readonly<Record<string, string>>): void {
    const lines = [`${method} ${url} RTSP/1.0`, `CSeq: ${++this.#sequence}`, 'User-Agent: Ruth'];
    if (this.#authorization) lines.push(`Authorization: ${this.#authorization.header(method, url)}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    if (this.#socket.writable) this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  #end(error: RuthError): void {
    if (this.#ended) return;
    this.#ended = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#handlers.onEnd(error);
  }
}

/** As it stands in requests. */
export function withoutCredentials(url: string): string {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain.href;
}
