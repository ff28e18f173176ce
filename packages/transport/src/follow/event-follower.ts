// Follows the ordered event stream of another process for as long as this one runs. After a break it asks for what comes after
// what was taken, so that nothing is missed that the other still holds; between attempts it waits longer and longer, with jitter.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Validator } from '@ruth/protocol';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { EventSource, type EventSourceFetchInit } from 'eventsource';
import { Agent, fetch } from 'undici';
import type { Logger } from '../process/index.ts';

/** The other side sends a comment at least every 15 s; a connection silent for longer is dead. */
const SILENCE_LIMIT_MS = 45_000;
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 3000 });

export interface EventFollowerOptions<E> {
  /** Of the process, as a person knows it: `core`. */
  readonly name: string;
  readonly socketPath: string;
  readonly logger: Logger;
  readonly event: Validator<E>;
  /** Id of the event after which the other side is to begin. */
  after(): number;
  /** A connection is open, and events follow. */
  onOpen(): void;
  /** `text` is the event as it was written. */
  onEvent(event: E, text: string): void;
}

export class EventFollower<E> {
  readonly counters = { events: 0, invalid: 0, connections: 0 };
  readonly #options: EventFollowerOptions<E>;
  #end: (() => void) | null = null;

  constructor(options: EventFollowerOptions<E>) {
    this.#options = options;
  }

  /** Ends when `signal` aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ connect: { socketPath: this.#options.socketPath, timeout: 3000 }, headersTimeout: 5000, bodyTimeout: SILENCE_LIMIT_MS });
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      const wasOpen = await this.#runOnce(agent, signal);
      if (signal.aborted) break;
      if (wasOpen || wait === null) this.#options.logger.warn(`the event stream of ${this.#options.name} is not there; trying until it is`);
      wait = wasOpen || wait === null ? backOff.next() : wait.next(undefined);
      await sleep(wait.duration, undefined, { signal }).catch(() => undefined);
    }
    await agent.destroy();
  }

  /** Ends the connection; the next one asks anew after what it is to begin. */
  restart(): void { this.#end?.(); }

  /** One connection, from its attempt to its end. True where it was open. */
  #runOnce(agent: Agent, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let opened = false;
    const source = new EventSource(`http://${this.#options.name}/v1/events`, { fetch: (url, init) => this.#fetch(agent, url, init), maxBufferSize: MAX_EVENT_BYTES });
    const end = (): void => {
      signal.removeEventListener('abort', end);
      source.close();
      resolve(opened);
    };
    this.#end = end;
    signal.addEventListener('abort', end, { once: true });
    source.addEventListener('error', end);
    source.addEventListener('open', () => {
      opened = true;
      this.counters.connections++;
      this.#options.onOpen();
      this.#options.logger.info(`following the events of ${this.#options.name}`);
    });
    source.addEventListener('message', (message: MessageEvent<string>) => this.#receive(message));
    return promise;
  }

  #fetch(agent: Agent, url: string | URL, init: EventSourceFetchInit): ReturnType<typeof fetch> {
    const headers = { ...init.headers, 'last-event-id': String(Math.max(0, this.#options.after())) };
    return fetch(url, { headers, signal: init.signal as AbortSignal, dispatcher: agent });
  }

  #receive({ data }: MessageEvent<string>): void {
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      event = null;
    }
    const { event: contract, logger, name } = this.#options;
    if (!contract.check(event)) {
      if (this.counters.invalid++ === 0) logger.error({ data: data.slice(0, 200) }, `${name} sent an event against the contract`);
      return;
    }
    this.counters.events++;
    this.#options.onEvent(event, data);
  }
}
