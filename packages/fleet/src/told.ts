// What the leader tells this node. The servers of NATS say it again to whoever listens, once it is stored; nobody keeps that for who is away, so it is looked up besides: at
// first, after a connection was lost, and now and then. A watch of JetStream for each node would have a server look through all rows of cameras for each.
import { RuthError, type NodePlacement } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import { Pause } from './pause.ts';
import type { Entry } from './records.ts';
import { toldSubject, type SiteStore } from './site-store.ts';

/** Between two looks, where nothing is heard: something may have been lost on the way between servers. */
const LOOK_EVERY_MS = 10_000;
/** Soon after the first one, as servers do not all know at once who listens; and where it could not be looked up. */
const LOOK_AGAIN_MS = 1000;

export class Told {
  readonly #store: SiteStore;
  readonly #node: string;
  readonly #onEntry: (entry: Entry<NodePlacement>) => void;
  readonly #warning: RepeatedWarning;
  #revision = 0;
  /** One that was looked up last, and is older than that. */
  #older: number | null = null;
  #lookedUp = 0;

  /** `onEntry`: of each that is newer than those before; what came between two of them is not told. */
  constructor(store: SiteStore, node: string, onEntry: (entry: Entry<NodePlacement>) => void, logger: Logger) {
    this.#store = store;
    this.#node = node;
    this.#onEntry = onEntry;
    this.#warning = new RepeatedWarning(logger);
  }

  /** Until `signal` aborts. Throws `unreachable` where the connection is closed for good. */
  async follow(signal: AbortSignal): Promise<void> {
    const { connection, ofNodes } = this.#store;
    const pause = new Pause(signal);
    const heard = connection.subscribe(toldSubject(this.#node), { callback: (error, message) => { if (!error) this.#take(ofNodes.saidAgain(this.#node, message)); } });
    void this.#followConnection(pause);
    while (!signal.aborted && !connection.isClosed()) {
      const isSettled = await this.#lookUp() && this.#lookedUp > 1;
      await pause.lasting(isSettled ? LOOK_EVERY_MS : LOOK_AGAIN_MS);
    }
    heard.unsubscribe();
    if (!signal.aborted) throw new RuthError('unreachable', 'the connection to NATS was closed');
  }

  async #lookUp(): Promise<boolean> {
    try {
      this.#take(await this.#store.ofNodes.get(this.#node), true);
      this.#lookedUp++;
      this.#warning.over();
      return true;
    } catch (cause) {
      const { code, message } = RuthError.from(cause);
      if (!this.#store.connection.isClosed()) this.#warning.warn({ code }, `what this node is told could not be looked up: ${message}`);
      return false;
    }
  }

  #take(entry: Entry<NodePlacement> | null, isLookedUp = false): void {
    if (entry === null) return;
    if (entry.revision <= this.#revision) {
      // Older than what is known twice in a row: NATS has lost what it kept, or a copy was put back. Once it may be a server that is behind.
      const older = isLookedUp && entry.revision < this.#revision ? entry.revision : null;
      const isConfirmed = older !== null && older === this.#older;
      this.#older = older;
      if (!isConfirmed) return;
    }
    this.#older = null;
    this.#revision = entry.revision;
    this.#onEntry(entry);
  }

  async #followConnection(pause: Pause): Promise<void> {
    for await (const { type } of this.#store.connection.status()) {
      if (type !== 'reconnect') continue;
      this.#lookedUp = 0;
      pause.end();
    }
    pause.end();
  }
}
