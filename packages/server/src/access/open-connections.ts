// WebSockets outlive the request that opened them. When people, sessions or tokens change, and now and then besides, each is asked again
// whether it may stay: who may not see a camera any more does not go on seeing it.
import type { WebSocket } from 'ws';
import { RuthError } from '@ruth/protocol';

const ROUND_MS = 30_000;

export class OpenConnections implements Disposable {
  /** Each with what throws where it may not stay. */
  readonly #connections = new Map<WebSocket, () => Promise<void>>();
  readonly #timer = setInterval(() => this.check(), ROUND_MS);

  constructor() { this.#timer.unref(); }

  add(socket: WebSocket, check: () => Promise<void>): void {
    this.#connections.set(socket, check);
    socket.on('close', () => this.#connections.delete(socket));
  }

  check(): void {
    for (const [socket, mayStay] of this.#connections) {
      mayStay().catch((cause: unknown) => {
        const error = RuthError.from(cause);
        // A store that is away for a moment ends nothing.
        if (error.code === 'unauthorized' || error.code === 'forbidden') socket.close(4000 + error.httpStatus, `${error.code}: ${error.message}`.slice(0, 120));
      });
    }
  }

  [Symbol.dispose](): void { clearInterval(this.#timer); }
}
