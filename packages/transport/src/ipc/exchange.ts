// Requests on their way, for the client of contract 1.
import type { RuthError } from '@ruth/protocol/base';

/** A request on its way. */
export interface Exchange<Connection> {
  readonly bytes: Buffer;
  readonly timeoutMs: number;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly watch: Exchanges<Connection> | null;
  /** On which it travels; null while it waits. */
  connection: Connection | null;
  retried: boolean;
  settle(error: RuthError | null, answer?: unknown): void;
}

/**
 * Those under way, in no order. An array, and one listener for each signal however many requests it is for: a Set that takes and gives back
 * is rebuilt now and then, and each table that it leaves behind points to the next, so that a generational collector keeps all of them, and
 * all that was ever in one, until its next whole collection (docs/design/findings.md).
 */
export class Exchanges<Connection> {
  readonly #all: Exchange<Connection>[] = [];

  add(exchange: Exchange<Connection>): void { this.#all.push(exchange); }

  /** False where it is not among them. */
  delete(exchange: Exchange<Connection>): boolean {
    const index = this.#all.indexOf(exchange);
    if (index < 0) return false;
    const last = this.#all.pop()!;
    if (last !== exchange) this.#all[index] = last;
    return true;
  }

  /** As they are now, for who ends some of them. */
  list(): Exchange<Connection>[] { return [...this.#all]; }
}
