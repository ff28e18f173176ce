// Hands the events of core and kernel to every page that listens. A slow client slows nobody: while it lags, only the newest look of
// each camera and model and the newest update of each track wait for it, so it gets fewer of them but never stale ones.
// Other events are never dropped; a client that lets too many of them pile up is disconnected with a reason, and gets what it missed when it
// comes back with the id of the last that it had.
import type { CoreEvent, KernelEvent } from '@ruth/protocol';
import type { EventSource } from '../store/index.ts';
import type { WebSocket } from 'ws';
import { keepAlive } from '../keep-alive.ts';

/** Bytes on their way to a client that it has not yet acknowledged; what comes later waits here, where it can be replaced. */
const WINDOW_BYTES = 128 * 1024;
const ACKNOWLEDGE_EVERY_BYTES = 16 * 1024;
/** Texts are shared by all clients. */
const MAX_WAITING_EVENTS = 1280;
/** For clients that come back; fewer than may wait. */
export const MOST_REPLAYED = 1024;
const MAX_CLIENTS = 512;

/** `core` and `kernel` are those of this node. */
export type LiveStream = EventSource | `${string}/${EventSource}`;
/** Id of the last event that a client had, by whose it was. */
export type LivePosition = Readonly<Partial<Record<LiveStream, number>>>;

export interface LiveEvent { readonly source: LiveStream; readonly event: CoreEvent | KernelEvent; readonly text: string }

export class LiveHub {
  readonly counters = { sent: 0, superseded: 0, disconnectedSlow: 0, refused: 0 };
  readonly #clients = new Set<LiveClient>();
  /** The newest events that nothing takes the place of. */
  readonly #kept: LiveEvent[] = [];

  get clientCount(): number { return this.#clients.size; }

  /** `maySee` is asked for each event of a camera; others go to all. `after`: what came since is sent first, as far as it is kept; of a source that is not in it, nothing. Null: there are too many. */
  add(socket: WebSocket, maySee: (cameraId: string) => boolean, after: LivePosition = {}): LiveClient | null {
    if (this.#clients.size >= MAX_CLIENTS) {
      this.counters.refused++;
      socket.close(1013, 'overloaded: too many live connections');
      return null;
    }
    const client = new LiveClient(socket, maySee, this.counters, after);
    for (const kept of this.#kept) if (after[kept.source] !== undefined) client.offer(kept);
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
    return client;
  }

  publish(event: CoreEvent | KernelEvent, text: string, source: EventSource = 'core'): void {
    const told = { source, event, text };
    if (!isSuperseded(event)) this.remember(told);
    for (const client of this.#clients) client.offer(told);
  }

  /** Only for who comes back. */
  remember(told: LiveEvent): void {
    this.#kept.push(told);
    if (this.#kept.length > MOST_REPLAYED) this.#kept.shift();
  }
}

function cameraOf(event: CoreEvent | KernelEvent): string | null {
  if (event.type === 'detection') return event.look.camera_id;
  return 'camera_id' in event ? event.camera_id : null;
}

/** Of events that the next one of the same key makes stale. */
function supersedingKey(event: CoreEvent | KernelEvent): string | null {
  if (event.type === 'detection') return `look ${event.look.camera_id} ${event.look.model_id}`;
  // As many as there are tracks, each of which had an event that counts.
  if (event.type === 'track.updated') return `track ${event.camera_id} ${event.model_id} ${event.track.id}`;
  return null;
}

/** A newer event may take its place. */
export const isSuperseded = (event: CoreEvent | KernelEvent): boolean => supersedingKey(event) !== null;

export class LiveClient {
  readonly #maySee: (cameraId: string) => boolean;
  readonly #socket: WebSocket;
  readonly #counters: LiveHub['counters'];
  /** A source tells some events again, when the server has been away. */
  readonly #had: Partial<Record<LiveStream, number>>;
  /** In order of arrival. A newer look or update takes the place of an older one, at the end. */
  readonly #waiting = new Map<string, string>();
  #waitingEvents = 0;
  #sentBytes = 0;
  #pingedBytes = 0;
  #acknowledgedBytes = 0;

  constructor(socket: WebSocket, maySee: (cameraId: string) => boolean, counters: LiveHub['counters'], after: LivePosition) {
    this.#socket = socket;
    this.#had = { ...after };
    this.#maySee = maySee;
    this.#counters = counters;
    keepAlive(socket);
    // A pong says what the client itself has read: bufferedAmount would not count the megabytes in the kernels' socket buffers.
    socket.on('pong', (data) => {
      const acknowledged = Number(data.toString() || Number.NaN);
      if (!(acknowledged > this.#acknowledgedBytes && acknowledged <= this.#sentBytes)) return;
      this.#acknowledgedBytes = acknowledged;
      this.#flush();
    });
  }

  /** Id of the last event of that source that was offered to it, or that it said it had. */
  had(source: LiveStream): number | undefined { return this.#had[source]; }

  /** What is no event; a newer one of that key takes its place. */
  tell(key: string, text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#waiting.delete(key);
    this.#waiting.set(key, text);
    this.#flush();
  }

  offer({ source, event, text }: LiveEvent): void {
    const camera = cameraOf(event);
    if (this.#socket.readyState !== this.#socket.OPEN || (camera !== null && !this.#maySee(camera))) return;
    const superseding = supersedingKey(event);
    if (superseding === null && event.type !== 'gap') {
      if (event.id <= (this.#had[source] ?? -1)) return;
      this.#had[source] = event.id;
    }
    const key = superseding ?? `event ${source} ${event.type} ${event.id}`;
    if (this.#waiting.delete(key)) this.#counters.superseded++;
    else if (superseding === null && ++this.#waitingEvents > MAX_WAITING_EVENTS) {
      this.#counters.disconnectedSlow++;
      this.#waiting.clear();
      this.#socket.close(1013, 'overloaded: this client reads too slowly');
      return;
    }
    this.#waiting.set(key, text);
    this.#flush();
  }

  #flush(): void {
    for (const [key, text] of this.#waiting) {
      if (this.#sentBytes - this.#acknowledgedBytes >= WINDOW_BYTES) return;
      this.#waiting.delete(key);
      if (key.startsWith('event ')) this.#waitingEvents--;
      this.#socket.send(text);
      this.#counters.sent++;
      this.#sentBytes += Buffer.byteLength(text);
      if (this.#sentBytes - this.#pingedBytes < ACKNOWLEDGE_EVERY_BYTES) continue;
      this.#pingedBytes = this.#sentBytes;
      this.#socket.ping(String(this.#sentBytes));
    }
  }
}
