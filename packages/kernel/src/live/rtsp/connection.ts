// One client's RTSP connection: reads requests one after the other, writes the answers, and ends with a client that is silent or too slow.
import type { Socket } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { ClientSession } from './client-session.ts';
import type { ConnectionContext } from './connection-context.ts';
import { RequestDecoder } from './request-decoder.ts';
import { encodeReply, type Reply } from './response.ts';

/** A client that does not read the end is cut off. */
const CLOSE_LIMIT_MS = 500;

export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder = new RequestDecoder();
  readonly #session: ClientSession;
  #messageTimer: NodeJS.Timeout | null = null;
  readonly #silenceTimer: NodeJS.Timeout;
  #closed = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#silenceTimer = setTimeout(() => this.#onSilence(), context.limits.sessionTimeoutMs);
    this.#session = new ClientSession(socket, context, { onAlive: () => this.#silenceTimer.refresh(), onEnd: () => this.close() });
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
    this.#session.close();
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
      const reply = await this.#session.answer(decoded.request).catch((error: unknown): Reply => {
        this.#context.onError(RuthError.from(error));
        return { status: RuthError.from(error).retryable ? 503 : 500 };
      });
      this.#write(reply, cseq);
      reply.after?.();
      // A client that asks without ever reading the answers is none.
      if (reply.close || this.#socket.writableLength > 2 * this.#context.limits.maxBufferedBytes) return false;
    }
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
    if (this.#session.playsOverTcp) this.#silenceTimer.refresh();
    else this.#giveUp();
  }

  #giveUp(): void {
    this.#context.counters.timedOut++;
    this.#write({ status: 408, close: true }, null);
    this.close();
  }
}
