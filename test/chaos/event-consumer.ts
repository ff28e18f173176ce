// A consumer of core's events as the server is one: connected for as long as core is there, and back with its last id as soon as it is
// there again. Remembers every id, and what was wrong with their order.
import { request, type ClientRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { coreSocketPath, type CoreEvent } from '@ruth/protocol';

const RECONNECT_MS = 5;

export class EventConsumer implements Disposable {
  /** Text of each event, by id. */
  readonly events = new Map<number, string>();
  /** Ids that did not come, and gaps that were told. */
  readonly wrong: string[] = [];
  /** When the last look came, `performance.now()`. */
  lastLookAtMs = 0;
  readonly #socketPath: string;
  #lastId = 0;
  #outgoing: ClientRequest | null = null;
  #closed = false;

  constructor(socketDirectory: string) {
    this.#socketPath = coreSocketPath(socketDirectory);
    void this.#run();
  }

  get lastId(): number { return this.#lastId; }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#outgoing?.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#outgoing = request({ socketPath: this.#socketPath, path: '/v1/events', headers: { 'last-event-id': String(this.#lastId) } }, (response) => {
          let rest = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            const lines = (rest + chunk).split('\n');
            rest = lines.pop()!;
            for (const line of lines) if (line.startsWith('data: ')) this.#receive(line.slice(6));
          });
        });
        this.#outgoing.on('error', () => undefined).on('close', resolve).end();
      });
      await delay(RECONNECT_MS);
    }
  }

  #receive(text: string): void {
    const event = JSON.parse(text) as CoreEvent;
    if (event.type === 'gap' && this.#lastId !== 0) this.wrong.push(`a gap after ${this.#lastId}`);
    else if (event.type !== 'gap' && this.#lastId !== 0 && event.id !== this.#lastId + 1 && !this.wrong.length) this.wrong.push(`${event.id} came after ${this.#lastId}`);
    this.#lastId = event.id;
    if (event.type === 'gap') return;
    this.events.set(event.id, text);
    if (event.type === 'detection' && event.look.error === null) this.lastLookAtMs = performance.now();
  }
}
