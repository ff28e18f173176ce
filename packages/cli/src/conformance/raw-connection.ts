// A client that sends whatever bytes it is told, also wrong ones, and sees exactly what comes back: an answer, a close,
// or nothing. Every wait has a limit.
import { connect, type Socket } from 'node:net';
import { encodeMessage, MessageDecoder } from '@ruth/transport';
import { Nonconformity } from './demand.ts';

export class RawConnection implements Disposable {
  readonly #socket: Socket;
  readonly #limitMs: number;
  readonly #decoder = new MessageDecoder();
  #ended = false;
  #changed = Promise.withResolvers<void>();

  private constructor(socket: Socket, limitMs: number) {
    this.#socket = socket;
    this.#limitMs = limitMs;
    const change = (): void => {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    const end = (): void => { this.#ended = true; change(); };
    socket.on('data', (chunk: Buffer) => { this.#decoder.push(chunk); change(); });
    // Broken by the other side counts as closed: what it sent before is still read.
    socket.on('error', end).on('end', end).on('close', end);
  }

  static async open(path: string, limitMs: number): Promise<RawConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ path, allowHalfOpen: true });
    const timer = setTimeout(() => reject(new Nonconformity(`no connection within ${limitMs} ms`)), limitMs);
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(new Nonconformity(`no connection: ${error.message}`)));
    try {
      await promise;
      return new RawConnection(socket, limitMs);
    } catch (cause) {
      socket.destroy();
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  send(message: unknown): void {
    this.write(encodeMessage(message));
  }

  /** Sends no more, but still listens. */
  end(): void {
    this.#socket.end();
  }

  /** Stops reading what comes. */
  pause(): void {
    this.#socket.pause();
  }

  /** The next answer. Throws where the connection is closed first, or the limit passes. */
  async answer(): Promise<unknown> {
    const until = performance.now() + this.#limitMs;
    for (;;) {
      const next = this.#decode();
      if (next.status === 'message') return next.value;
      if (this.#ended) throw new Nonconformity(this.#decoder.pendingBytes > 0 ? 'the connection was closed in the middle of an answer' : 'the connection was closed without an answer');
      if (!await this.#change(until)) throw new Nonconformity(`no answer within ${this.#limitMs} ms`);
    }
  }

  /** Until the other side closes. Throws where it does not, or sends something more. */
  async closed(): Promise<void> {
    const until = performance.now() + this.#limitMs;
    while (!this.#ended) {
      if (!await this.#change(until)) throw new Nonconformity(`the connection was still open after ${this.#limitMs} ms`);
    }
    if (this.#decoder.pendingBytes > 0) throw new Nonconformity('more was sent after the last answer');
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #decode(): ReturnType<MessageDecoder['next']> {
    try {
      return this.#decoder.next();
    } catch (cause) {
      throw new Nonconformity(`the answer is not framed JSON: ${(cause as Error).message}`, { cause });
    }
  }

  /** False where nothing happened in time. */
  async #change(until: number): Promise<boolean> {
    const leftMs = until - performance.now();
    if (leftMs <= 0) return false;
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), leftMs);
    try {
      return await Promise.race([this.#changed.promise.then(() => true), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
