// One client of an IpcServer: its requests are answered one at a time, in order; what it sends meanwhile waits in a
// bounded buffer. Every wait has a limit: for the rest of a message, for an answer to be taken, for the peer to close.
import type { Socket } from 'node:net';
import { RuthError } from '@ruth/protocol/base';
import { encodeMessage, MessageDecoder } from './framing.ts';

/** Bytes of further requests taken in while one is answered; then the socket is not read until the answer is out. */
const MAX_BACKLOG_BYTES = 64 * 1024;
/** How long a refused client may go on sending before it is cut off; until then it can read why. */
const LINGER_MS = 1000;
/** How long a client of a draining server may take to begin its first request: it connected before another had the path. */
const FIRST_REQUEST_MS = 1000;

export interface ConnectionOptions {
  handle(message: unknown, context: { readonly signal: AbortSignal; readonly connectionId: number }): Promise<unknown>;
  refuse(error: RuthError): unknown;
  readonly messageTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

export interface IpcServerCounters {
  /** Connections ever accepted, and those refused because there were too many. */
  accepted: number;
  refused: number;
  /** Whole messages that reached the handler. */
  requests: number;
  /** Answers that carried an error: framing, malformed JSON, a handler that threw, shutting down. */
  errors: number;
  /** Requests whose client went away before its answer was ready. */
  abandoned: number;
  /** Clients dropped because a begun message was not completed in time. */
  slow: number;
  /** Clients dropped because they did not take their answer in time. */
  unread: number;
}

export class ServerConnection {
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  readonly #id: number;
  readonly #options: ConnectionOptions;
  readonly #counters: IpcServerCounters;
  readonly #decoder = new MessageDecoder();
  #request: RequestContext | null = null;
  #busy = false;
  #closing = false;
  #draining = false;
  #answered = false;
  /** Framing is lost or the client is not wanted: what it still sends is thrown away. */
  #deaf = false;
  #peerEnded = false;
  #messageTimer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, id: number, options: ConnectionOptions, counters: IpcServerCounters) {
    this.#socket = socket;
    this.#id = id;
    this.#options = options;
    this.#counters = counters;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#end());
    socket.on('error', () => undefined); // 'close' follows
    this.gone = new Promise((resolve) => socket.on('close', () => {
      clearTimeout(this.#messageTimer);
      clearTimeout(this.#drainTimer);
      this.#request?.abandon();
      resolve();
    }));
    if (options.idleTimeoutMs > 0) socket.setTimeout(options.idleTimeoutMs, () => { if (!this.#busy && this.#decoder.pendingBytes === 0) socket.destroySoon(); });
  }

  /** Says why, ends, and lets the client read it. */
  reject(error: RuthError): void {
    this.#deaf = true;
    clearTimeout(this.#messageTimer);
    const bytes = this.#refusal(error);
    if (bytes === null) return;
    this.#socket.end(bytes);
    this.#socket.resume();
    // Closing with unread bytes would reset the connection, and the client could lose the answer.
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Ends after the answer in flight; requests behind it are refused with `shutting_down`. */
  close(): void {
    this.#closing = true;
    if (!this.#busy && !this.#deaf) this.#socket.destroySoon();
  }

  /**
   * Ends after the answers to all that was sent. A kept connection without a request ends at once: its client sends what crosses that
   * again. A client that never asked is waited for a little.
   */
  drain(): void {
    this.#draining = true;
    if (this.#busy || this.#deaf || this.#decoder.pendingBytes > 0) return;
    if (this.#answered) this.#socket.destroySoon();
    else this.#drainTimer = setTimeout(() => { if (!this.#busy && this.#decoder.pendingBytes === 0) this.#socket.destroySoon(); }, FIRST_REQUEST_MS);
  }

  #receive(chunk: Buffer): void {
    if (this.#deaf) return;
    this.#decoder.push(chunk);
    if (!this.#busy) void this.#serve();
    else if (this.#decoder.pendingBytes > MAX_BACKLOG_BYTES) this.#socket.pause();
  }

  /** The peer sends no more. If it closed altogether, an empty write fails; if it only shut down its half, it waits for its answer. */
  #end(): void {
    this.#peerEnded = true;
    if (this.#busy) this.#socket.write('');
    else if (this.#socket.writableLength === 0) this.#socket.destroy();
    else this.#socket.end();
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    try {
      for (;;) {
        const next = this.#decode();
        if (next.status === 'incomplete') break;
        clearTimeout(this.#messageTimer);
        this.#messageTimer = undefined;
        const bytes = next.status === 'message' ? await this.#answer(next.value) : this.#refusal(next.error);
        if (bytes === null || this.#socket.destroyed) return;
        this.#answered = true;
        if (!this.#socket.write(bytes) && !await this.#taken()) return;
      }
    } catch (cause) {
      return this.reject(RuthError.from(cause));
    } finally {
      this.#busy = false;
    }
    if (this.#closing || this.#peerEnded || (this.#draining && this.#decoder.pendingBytes === 0)) return this.#socket.destroySoon();
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#decoder.pendingBytes > 0) this.#messageTimer ??= setTimeout(() => this.#giveUp(), this.#options.messageTimeoutMs);
  }

  /** Throws where framing is lost. */
  #decode(): { status: 'message'; value: unknown } | { status: 'incomplete' } | { status: 'malformed'; error: RuthError } {
    try {
      return this.#decoder.next();
    } catch (cause) {
      const error = RuthError.from(cause);
      if (error.code !== 'bad_request') throw error;
      return { status: 'malformed', error };
    }
  }

  /** The bytes of the answer; null where nobody is left to read it. */
  async #answer(message: unknown): Promise<Buffer | null> {
    if (this.#closing) return this.#refusal(new RuthError('shutting_down', 'the server is stopping'));
    this.#counters.requests++;
    const request = this.#request = new RequestContext(this.#id);
    try {
      const answer = await this.#options.handle(message, request);
      if (!request.abandoned) return encodeMessage(answer);
    } catch (cause) {
      if (!request.abandoned) return this.#refusal(RuthError.from(cause));
    } finally {
      this.#request = null;
    }
    this.#counters.abandoned++;
    return null;
  }

  /** The bytes of an error answer; where even that cannot be made the connection ends. */
  #refusal(error: RuthError): Buffer | null {
    this.#counters.errors++;
    try {
      return encodeMessage(this.#options.refuse(error));
    } catch {
      this.#socket.destroy();
      return null;
    }
  }

  /** Waits until the client has taken what was written; false where it did not in time, or is gone. */
  async #taken(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const drained = (): void => resolve(true);
    const closed = (): void => resolve(false);
    const timer = setTimeout(() => {
      this.#counters.unread++;
      this.#socket.destroy();
    }, this.#options.answerTimeoutMs);
    this.#socket.once('drain', drained).once('close', closed);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#socket.off('drain', drained).off('close', closed);
    }
  }

  #giveUp(): void {
    this.#counters.slow++;
    this.reject(new RuthError('timeout', `the message was not completed within ${this.#options.messageTimeoutMs} ms of its beginning`));
  }
}

/** What a handler is told besides the message. */
class RequestContext {
  readonly connectionId: number;
  abandoned = false;
  #controller: AbortController | null = null;

  constructor(connectionId: number) {
    this.connectionId = connectionId;
  }

  /** Made when asked for: most handlers never look, and a signal is dear beside a request. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.abandoned) this.#controller.abort(clientGone());
    return this.#controller.signal;
  }

  abandon(): void {
    this.abandoned = true;
    this.#controller?.abort(clientGone());
  }
}

function clientGone(): RuthError {
  return new RuthError('cancelled', 'the client went away');
}
