// Follows core's ordered event stream for as long as the server runs. After a break it comes back with its last id, so
// that nothing is missed that core still holds; between attempts it waits longer and longer, with jitter.
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreEvent, validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { EventSource, type EventSourceFetchInit } from 'eventsource';
import { Agent, fetch } from 'undici';

/** Core sends a comment at least every 15 s; a connection silent for longer is dead. */
const SILENCE_LIMIT_MS = 45_000;
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
const coreEvent = validator(CoreEvent);
const EVENT_NAMES = ['message', 'detection', 'model.up', 'model.down', 'camera.up', 'camera.down', 'track.started', 'track.updated', 'track.ended', 'gap'];
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 3000 });

export interface CoreEventStreamOptions {
  readonly socketPath: string;
  readonly logger: Logger;
  /** `text` is the event as core wrote it. */
  onEvent(event: CoreEvent, text: string): void;
}

export class CoreEventStream {
  readonly counters = { events: 0, invalid: 0, connections: 0 };
  readonly #options: CoreEventStreamOptions;
  #lastEventId: string | null = null;

  constructor(options: CoreEventStreamOptions) {
    this.#options = options;
  }

  /** Ends when `signal` aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ connect: { socketPath: this.#options.socketPath, timeout: 3000 }, headersTimeout: 5000, bodyTimeout: SILENCE_LIMIT_MS });
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      const wasOpen = await this.#runOnce(agent, signal);
      if (signal.aborted) break;
      if (wasOpen || wait === null) this.#options.logger.warn('core\'s event stream is not there; trying until it is');
      wait = wasOpen || wait === null ? backOff.next() : wait.next(undefined);
      await sleep(wait.duration, undefined, { signal }).catch(() => undefined);
    }
    await agent.destroy();
  }

  /** One connection, from its attempt to its end. True where it was open. */
  #runOnce(agent: Agent, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let opened = false;
    const source = new EventSource('http://core/v1/events', { fetch: (url, init) => this.#fetch(agent, url, init), maxBufferSize: MAX_EVENT_BYTES });
    const end = (): void => {
      signal.removeEventListener('abort', end);
      source.close();
      resolve(opened);
    };
    signal.addEventListener('abort', end, { once: true });
    source.addEventListener('error', end);
    source.addEventListener('open', () => {
      opened = true;
      this.counters.connections++;
      this.#options.logger.info('following core\'s events');
    });
    for (const name of EVENT_NAMES) source.addEventListener(name, (message: MessageEvent<string>) => this.#receive(message));
    return promise;
  }

  #fetch(agent: Agent, url: string | URL, init: EventSourceFetchInit): ReturnType<typeof fetch> {
    const headers: Record<string, string> = { ...init.headers };
    if (this.#lastEventId !== null) headers['last-event-id'] = this.#lastEventId;
    return fetch(url, { headers, signal: init.signal as AbortSignal, dispatcher: agent });
  }

  #receive({ data, lastEventId }: MessageEvent<string>): void {
    if (lastEventId !== '') this.#lastEventId = lastEventId;
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      event = null;
    }
    if (!coreEvent.check(event)) {
      if (this.counters.invalid++ === 0) this.#options.logger.error({ data: data.slice(0, 200) }, 'core sent an event against the contract');
      return;
    }
    this.counters.events++;
    this.#options.onEvent(event, data);
  }
}
