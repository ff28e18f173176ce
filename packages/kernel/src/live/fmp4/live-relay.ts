// Hands the live fMP4 of one camera to its viewers. A new viewer gets the picture group that runs, so that it sees at once.
// A viewer that is slow loses pictures up to the next keyframe, one that stays slow is closed: nobody else notices.
import type { LiveInit } from '@ruth/protocol';
import type { WebSocket } from 'ws';
import type { Fmp4Message } from '../../ingest/messages.ts';

const MAX_BUFFERED_BYTES = 4 << 20;
const SLOW_LIMIT_MS = 15_000;
const MAX_GROUP_BYTES = 16 << 20;
/** The stream goes on for a while after the last viewer, who may only be reloading the page. */
const LINGER_MS = 3000;
const MAX_VIEWERS = 256;

interface Viewer {
  /** Since when it loses pictures; null while it keeps up. */
  slowSinceMs: number | null;
}

export interface LiveRelayOptions {
  /** Whether the camera's process shall make the stream. */
  readonly onWanted: (wanted: boolean) => void;
}

export class LiveRelay {
  readonly #options: LiveRelayOptions;
  readonly #viewers = new Map<WebSocket, Viewer>();
  /** Fragments since the last keyframe; null while there are too many to keep. */
  #group: Buffer[] | null = null;
  #groupBytes = 0;
  #beginning: { readonly init: LiveInit; readonly segment: Buffer } | null = null;
  #linger: NodeJS.Timeout | undefined;

  /** Fragments that viewers lost because they were slow, and viewers closed for it. */
  readonly counters = { droppedFragments: 0, closedViewers: 0 };

  constructor(options: LiveRelayOptions) { this.#options = options; }

  get viewers(): number { return this.#viewers.size; }

  add(socket: WebSocket): void {
    if (this.#viewers.size >= MAX_VIEWERS) return socket.close(1013, 'too many viewers');
    const viewer: Viewer = { slowSinceMs: null };
    this.#viewers.set(socket, viewer);
    socket.on('close', () => this.#remove(socket));
    socket.on('error', () => socket.terminate());
    clearTimeout(this.#linger);
    if (this.#beginning) this.#begin(socket, viewer);
    this.#options.onWanted(true);
  }

  relay(message: Fmp4Message): void {
    if (message.type === 'live-init') {
      this.#beginning = message;
      this.#group = null;
      this.#groupBytes = 0;
      for (const [socket, viewer] of this.#viewers) this.#begin(socket, viewer);
      return;
    }
    const { data, keyframe } = message;
    if (keyframe) {
      this.#group = [];
      this.#groupBytes = 0;
    }
    this.#group?.push(data);
    this.#groupBytes += data.length;
    if (this.#groupBytes > MAX_GROUP_BYTES) this.#group = null;
    for (const [socket, viewer] of this.#viewers) this.#send(socket, viewer, data, keyframe);
  }

  /** The camera's process ended: what was kept belongs to a stream that is over. */
  forget(): void {
    this.#beginning = null;
    this.#group = null;
  }

  close(): void {
    clearTimeout(this.#linger);
    for (const socket of this.#viewers.keys()) socket.close(1001, 'shutting down');
    this.#viewers.clear();
  }

  #begin(socket: WebSocket, viewer: Viewer): void {
    const { init, segment } = this.#beginning!;
    socket.send(JSON.stringify(init));
    socket.send(segment);
    for (const fragment of this.#group ?? []) socket.send(fragment);
    // Without a group to begin with, the next keyframe is where it begins.
    viewer.slowSinceMs = this.#group === null ? performance.now() : null;
  }

  #send(socket: WebSocket, viewer: Viewer, data: Buffer, keyframe: boolean): void {
    const full = socket.bufferedAmount > MAX_BUFFERED_BYTES;
    if (viewer.slowSinceMs === null && full) viewer.slowSinceMs = performance.now();
    if (viewer.slowSinceMs !== null && (full || !keyframe)) {
      this.counters.droppedFragments++;
      if (full && performance.now() - viewer.slowSinceMs > SLOW_LIMIT_MS) {
        this.counters.closedViewers++;
        socket.close(1013, 'the connection is too slow for this camera');
        this.#remove(socket);
      }
      return;
    }
    viewer.slowSinceMs = null;
    socket.send(data);
  }

  #remove(socket: WebSocket): void {
    if (!this.#viewers.delete(socket) || this.#viewers.size > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.forget();
      this.#options.onWanted(false);
    }, LINGER_MS);
    this.#linger.unref();
  }
}
