// Asks an IpcServer: a small pool of kept connections, one request at a time on each, the most recently used first.
// A connection with a late or doubtful answer is closed, so that no answer is ever taken for another request's. A request whose
// kept connection closed before a byte of its answer came is sent once more, on a new one: a server that hands its path over,
// or is started again, costs no request. So what is asked must be such that asking twice does no harm.
import { RuthError } from '@ruth/protocol/base';
import { type Asked, ClientConnection } from './client-connection.ts';
import { Exchanges } from './exchange.ts';
import { encodeMessage } from './framing.ts';

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

export class IpcClient implements AsyncDisposable {
  readonly path: string;
  readonly #maxConnections: number;
  readonly #maxWaiting: number;
  readonly #idle: ClientConnection[] = [];
  readonly #connections = new Set<ClientConnection>();
  readonly #waiting: Asked[] = [];
  readonly #pending = new Exchanges<ClientConnection>();
  readonly #watches = new WeakMap<AbortSignal, Exchanges<ClientConnection>>();
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
      const exchange: Asked = {
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
  #watch(signal: AbortSignal): Exchanges<ClientConnection> {
    const known = this.#watches.get(signal);
    if (known) return known;
    const exchanges = new Exchanges<ClientConnection>();
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

  #start(exchange: Asked): void {
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

  #abandon(exchange: Asked, error: RuthError): void {
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

function cancelled(signal: AbortSignal): RuthError {
  return new RuthError('cancelled', 'the caller gave up', { cause: signal.reason });
}
