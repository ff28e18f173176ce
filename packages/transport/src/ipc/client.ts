// Asks an IpcServer: a small pool of kept connections, one request at a time on each, the most recently used first.
// A connection with a late or doubtful answer is closed, so that no answer is ever taken for another request's. A request whose
// kept connection closed before a byte of its answer came is sent once more, on a new one: a server that hands its path over,
// or is started again, costs no request. So what is asked must be such that asking twice does no harm.
import { connect, type Socket } from 'node:net';
import { RuthError } from '@ruth/protocol/base';
import { encodeMessage, MessageDecoder } from './framing.ts';

export interface IpcClientOptions {
  /** Connections kept, and so requests at once; 4 unless told. */
  readonly maxConnections?: number;
  /** Requests that wait for a connection; more are refused with `overloaded`; 64 unless told. */
  readonly maxWaiting?: number;
}

export interface RequestOptions {
  /** From the call to the whole answer, connecting included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A longer timer of Node's would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A request on its way. */
interface Exchange {
  readonly bytes: Buffer;
  readonly timeoutMs: number;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly watch: Exchanges | null;
  connection: ClientConnection | null;
  retried: boolean;
  settle(error: RuthError | null, answer?: unknown): void;
}

/**
 * Those under way, in no order. An array, and one listener for each signal however many requests it is for: a Set that takes and gives back
 * is rebuilt now and then, and each table that it leaves behind points to the next, so that a generational collector keeps all of them, and
 * all that was ever in one, until its next whole collection (docs/design/findings.md).
 */
class Exchanges {
  readonly #all: Exchange[] = [];

  add(exchange: Exchange): void { this.#all.push(exchange); }

  /** False where it is not among them. */
  delete(exchange: Exchange): boolean {
    const index = this.#all.indexOf(exchange);
    if (index < 0) return false;
    const last = this.#all.pop()!;
    if (last !== exchange) this.#all[index] = last;
    return true;
  }

  /** As they are now, for who ends some of them. */
  list(): Exchange[] { return [...this.#all]; }
}

export class IpcClient implements AsyncDisposable {
  readonly path: string;
  readonly #maxConnections: number;
  readonly #maxWaiting: number;
  readonly #idle: ClientConnection[] = [];
  readonly #connections = new Set<ClientConnection>();
  readonly #waiting: Exchange[] = [];
  readonly #pending = new Exchanges();
  readonly #watches = new WeakMap<AbortSignal, Exchanges>();
  #closed = false;
  #alarm: NodeJS.Timeout | undefined;
  #alarmMs = Infinity;

  constructor(path: string, { maxConnections = 4, maxWaiting = 64 }: IpcClientOptions = {}) {
    this.path = path;
    this.#maxConnections = maxConnections;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Sends `message` and returns the answer. Throws `unreachable` (nobody there, or the connection broke), `timeout`, `cancelled`,
   * `message_too_large`, `overloaded` (too many wait). An error that the server answers is an answer: it is returned.
   */
  request(message: unknown, { timeoutMs, signal }: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const bytes = encodeMessage(message);
      if (this.#closed) throw new RuthError('cancelled', 'the client is closed');
      if (signal?.aborted) throw cancelled(signal);
      const exchange: Exchange = {
        bytes, timeoutMs, deadlineMs: performance.now() + timeoutMs, watch: signal ? this.#watch(signal) : null, connection: null, retried: false,
        settle: (error, answer) => {
          if (!this.#pending.delete(exchange)) return;
          exchange.watch?.delete(exchange);
          if (error) reject(error);
          else resolve(answer);
        },
      };
      exchange.watch?.add(exchange);
      this.#pending.add(exchange);
      this.#start(exchange);
      if (exchange.deadlineMs < this.#alarmMs) this.#setAlarm(exchange.deadlineMs);
    });
  }

  /** Closes every connection; requests under way throw `cancelled`. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#alarm);
    const gone = [...this.#connections].map((connection) => connection.gone);
    this.#waiting.length = 0;
    for (const exchange of this.#pending.list()) this.#abandon(exchange, new RuthError('cancelled', 'the client was closed'));
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(gone);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The requests that end when it aborts. */
  #watch(signal: AbortSignal): Exchanges {
    const known = this.#watches.get(signal);
    if (known) return known;
    const exchanges = new Exchanges();
    this.#watches.set(signal, exchanges);
    signal.addEventListener('abort', () => { for (const exchange of exchanges.list()) this.#abandon(exchange, cancelled(signal)); }, { once: true });
    return exchanges;
  }

  /** One timer for all requests, set for the earliest deadline: one for each would cost more than the rest of the client. */
  #setAlarm(atMs: number): void {
    clearTimeout(this.#alarm);
    this.#alarmMs = atMs;
    if (atMs < Infinity) this.#alarm = setTimeout(() => this.#ring(), Math.min(Math.ceil(atMs - performance.now()), MAX_TIMER_MS)).unref();
  }

  #ring(): void {
    const nowMs = performance.now();
    let nextMs = Infinity;
    for (const exchange of this.#pending.list()) {
      if (exchange.deadlineMs <= nowMs) this.#abandon(exchange, new RuthError('timeout', `${this.path} did not answer within ${exchange.timeoutMs} ms`));
      else nextMs = Math.min(nextMs, exchange.deadlineMs);
    }
    this.#setAlarm(nextMs);
  }

  #start(exchange: Exchange): void {
    for (let kept = this.#idle.pop(); kept; kept = this.#idle.pop()) {
      if (kept.usable) return kept.send(exchange);
    }
    if (this.#connections.size < this.#maxConnections) return this.#open().send(exchange);
    if (this.#waiting.length < this.#maxWaiting) this.#waiting.push(exchange);
    else exchange.settle(new RuthError('overloaded', `${this.#waiting.length} requests to ${this.path} wait already, which is the limit`));
  }

  #open(): ClientConnection {
    const connection = new ClientConnection(this.path, {
      answered: (exchange, answer) => {
        const next = this.#waiting.shift();
        if (next) connection.send(next);
        else this.#idle.push(connection);
        exchange.settle(null, answer);
      },
      lost: (exchange, error, kept) => {
        this.#forget(connection);
        if (kept && !exchange.retried && !this.#closed) {
          exchange.retried = true;
          this.#open().send(exchange);
        } else {
          exchange.settle(error);
          this.#admit();
        }
      },
      closed: () => {
        this.#forget(connection);
        this.#admit();
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  /** The connection's place in the pool is free from now on. */
  #forget(connection: ClientConnection): void {
    this.#connections.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #admit(): void {
    if (this.#connections.size >= this.#maxConnections) return;
    const next = this.#waiting.shift();
    if (next) this.#open().send(next);
  }

  #abandon(exchange: Exchange, error: RuthError): void {
    exchange.settle(error);
    const { connection } = exchange;
    if (connection) {
      this.#forget(connection);
      connection.destroy();
      this.#admit();
    } else {
      const index = this.#waiting.indexOf(exchange);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
  }
}

interface ConnectionEvents {
  answered(exchange: Exchange, answer: unknown): void;
  /** Closed under a request. `kept`: a connection that had served others, and not a byte of this answer had come. */
  lost(exchange: Exchange, error: RuthError, kept: boolean): void;
  /** Closed without a request. */
  closed(): void;
}

/** Filled by each read and emptied before the next, whichever connection reads: the decoder keeps a copy of what is incomplete. */
const receiveBuffer = Buffer.allocUnsafeSlow(64 * 1024);

class ClientConnection {
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  readonly #decoder = new MessageDecoder();
  #exchange: Exchange | null = null;
  #answers = 0;
  #answerBegun = false;
  #failure: NodeJS.ErrnoException | null = null;

  constructor(path: string, events: ConnectionEvents) {
    const socket = this.#socket = connect({ path, onread: { buffer: receiveBuffer, callback: (length) => this.#receive(receiveBuffer.subarray(0, length), events) } });
    socket.on('error', (error) => { this.#failure = error; });
    this.gone = new Promise((resolve) => socket.on('close', () => {
      resolve();
      const exchange = this.#exchange;
      this.#exchange = null;
      if (exchange) events.lost(exchange, this.#error(path), this.#answers > 0 && !this.#answerBegun);
      else events.closed();
    }));
  }

  get usable(): boolean { return this.#socket.writable && this.#socket.readable; }

  send(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#answerBegun = false;
    exchange.connection = this;
    this.#socket.write(exchange.bytes);
  }

  /** The exchange, if one is under way, is settled by whoever calls this. */
  destroy(): void {
    this.#exchange = null;
    this.#socket.destroy();
  }

  /** True: read on. */
  #receive(chunk: Buffer, events: ConnectionEvents): boolean {
    const exchange = this.#exchange;
    this.#answerBegun = true;
    try {
      if (!exchange) throw new RuthError('bad_request', 'it sent what nobody asked for');
      this.#decoder.push(chunk);
      const next = this.#decoder.next();
      if (next.status === 'incomplete') return true;
      if (this.#decoder.pendingBytes > 0) throw new RuthError('bad_request', 'it sent more than one answer');
      this.#answers++;
      this.#exchange = null;
      events.answered(exchange, next.value);
      return true;
    } catch (cause) {
      this.#socket.destroy(cause as Error);
      return false;
    }
  }

  #error(path: string): RuthError {
    const failure = this.#failure;
    if (failure?.code === 'EAGAIN') return new RuthError('overloaded', `${path} has too many connections waiting to be accepted`, { cause: failure });
    if (failure) return new RuthError('unreachable', `${path} cannot be asked: ${failure.message}`, { cause: failure });
    return new RuthError('unreachable', `${path} closed the connection without an answer`);
  }
}

function cancelled(signal: AbortSignal): RuthError {
  return new RuthError('cancelled', 'the caller gave up', { cause: signal.reason });
}
