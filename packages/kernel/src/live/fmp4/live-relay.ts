// Hands the live fMP4 of one camera to its viewers. A new viewer gets the picture group that runs, so that it sees at once.
// A viewer that is slow loses pictures up to the next keyframe, one that stays slow is closed: nobody else notices.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type LiveInit } from '@ruth/protocol';
import type { WebSocket } from 'ws';
import type { Fmp4Message } from '../../ingest/messages.ts';

const MAX_BUFFERED_BYTES = 4 << 20;
const SLOW_LIMIT_MS = 15_000;
const MAX_GROUP_BYTES = 16 << 20;
/** The stream goes on for a while after the last viewer, who may only be reloading the page. */
const LINGER_MS = 3000;
const MAX_VIEWERS = 256;
const FIRST_PICTURE_LIMIT_MS = 5000;
const LOOK_EVERY_MS = 10;

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
  /** Who waits for a picture and no more. */
  #looks = 0;

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

  /**
   * The init and the fragments since the last keyframe, whose last picture is the newest; makes the stream begin where nobody
   * watches. Throws `camera_unreachable` where no picture comes in time, `cancelled`.
   */
  async group(signal: AbortSignal): Promise<readonly Buffer[]> {
    if (this.#looks >= MAX_VIEWERS) throw new RuthError('overloaded', 'too many look at this camera at once');
    this.#looks++;
    clearTimeout(this.#linger);
    this.#options.onWanted(true);
    const endMs = performance.now() + FIRST_PICTURE_LIMIT_MS;
    try {
      for (let quietMs = 0; ; quietMs += LOOK_EVERY_MS) {
        const seen = this.#group?.length ?? 0;
        await delay(LOOK_EVERY_MS);
        if (signal.aborted) throw new RuthError('cancelled', 'nobody waits for the picture any more');
        const group = this.#group;
        if (group?.length !== seen) quietMs = 0;
        // A stream that begins tells the pictures since the last keyframe all at once; the last one of them is now.
        if (this.#beginning && group && group.length > 0 && (quietMs > 0 || performance.now() > endMs)) return [this.#beginning.segment, ...group];
        if (performance.now() > endMs) throw new RuthError('camera_unreachable', 'the camera shows no picture at present');
      }
    } finally {
      this.#looks--;
      this.#rest();
    }
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
    if (this.#viewers.delete(socket)) this.#rest();
  }

  #rest(): void {
    if (this.#viewers.size > 0 || this.#looks > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.forget();
      this.#options.onWanted(false);
    }, LINGER_MS);
    this.#linger.unref();
  }
}
