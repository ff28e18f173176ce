// WebSockets and WHEP sessions outlive the request that opened them. When people, sessions or tokens change, and now and then besides, each is asked again
// whether it may stay: who may not see a camera any more does not go on seeing it.
import { RuthError } from '@ruth/protocol';

const ROUND_MS = 30_000;

/** What somebody watches. A WebSocket is one. */
export interface OpenConnection {
  close(code: number, reason: string): void;
  on(event: 'close', listener: () => void): unknown;
}

export class OpenConnections implements Disposable {
  /** Each with what throws where it may not stay. */
  readonly #connections = new Map<OpenConnection, () => Promise<void>>();
  readonly #timer = setInterval(() => this.check(), ROUND_MS);

  constructor() { this.#timer.unref(); }

  add(connection: OpenConnection, check: () => Promise<void>): void {
    this.#connections.set(connection, check);
    connection.on('close', () => this.#connections.delete(connection));
  }

  check(): void {
    for (const [connection, mayStay] of this.#connections) {
      mayStay().catch((cause: unknown) => {
        const error = RuthError.from(cause);
        // A store that is away for a moment ends nothing.
        if (error.code === 'unauthorized' || error.code === 'forbidden') connection.close(4000 + error.httpStatus, `${error.code}: ${error.message}`.slice(0, 120));
      });
    }
  }

  [Symbol.dispose](): void { clearInterval(this.#timer); }
}
