// One connection of a client: one request at a time on it. It is closed as soon as it says anything that is not the answer.
import { connect, type Socket } from 'node:net';
import { RuthError } from '@ruth/protocol/base';
import type { Exchange } from './exchange.ts';
import { MessageDecoder } from './framing.ts';

/** A request of this kind of connection. */
export type Asked = Exchange<ClientConnection>;

export interface ConnectionEvents {
  answered(exchange: Asked, answer: unknown): void;
  /** Closed under a request. `kept`: a connection that had served others, and not a byte of this answer had come. */
  lost(exchange: Asked, error: RuthError, kept: boolean): void;
  /** Closed without a request. */
  closed(): void;
}

/** Filled by each read and emptied before the next, whichever connection reads: the decoder keeps a copy of what is incomplete. */
const receiveBuffer = Buffer.allocUnsafeSlow(64 * 1024);

export class ClientConnection {
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  readonly #decoder = new MessageDecoder();
  #exchange: Asked | null = null;
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

  send(exchange: Asked): void {
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
