// Hands the live fMP4 of one camera to those who watch it, each over a WebSocket. A new viewer gets the pictures since the last keyframe, so that it sees at once.
// A viewer that is slow loses pictures up to the next keyframe, one that stays slow is closed: nobody else notices.

const MAX_BUFFERED_BYTES = 4 << 20;
const SLOW_LIMIT_MS = 15_000;
const MAX_GROUP_BYTES = 16 << 20;
export const MAX_FMP4_VIEWERS = 256;

/** What is used of a WebSocket. */
export interface ViewerSocket {
  readonly bufferedAmount: number;
  send(data: string | Buffer): void;
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: 'close' | 'error', listener: () => void): unknown;
}

/** `init`: a LiveInit as JSON; then its init segment. */
export interface Fmp4Beginning { readonly init: string; readonly segment: Buffer }

/** Fragments that viewers lost because they were slow, and viewers closed for it. */
export interface Fmp4Counters { droppedFragments: number; closedViewers: number }

interface Viewer {
  /** Since when it loses pictures; null while it keeps up. */
  slowSinceMs: number | null;
}

export class Fmp4Viewers<Socket extends ViewerSocket = ViewerSocket> {
  readonly #viewers = new Map<Socket, Viewer>();
  readonly #onLeft: (socket: Socket) => void;
  /** Fragments since the last keyframe; null while there are too many to keep. */
  #group: Buffer[] | null = null;
  #groupBytes = 0;
  #beginning: Fmp4Beginning | null = null;

  readonly counters: Fmp4Counters;

  /** `onLeft`: told of each viewer that has gone, also of one that was closed. `counters`: of its own unless given. */
  constructor(onLeft: (socket: Socket) => void, counters: Fmp4Counters = { droppedFragments: 0, closedViewers: 0 }) {
    this.#onLeft = onLeft;
    this.counters = counters;
  }

  get size(): number { return this.#viewers.size; }
  get beginning(): Fmp4Beginning | null { return this.#beginning; }
  get group(): readonly Buffer[] | null { return this.#group; }

  /** False where there are too many: it is closed. */
  add(socket: Socket): boolean {
    if (this.#viewers.size >= MAX_FMP4_VIEWERS) {
      socket.close(1013, 'too many viewers');
      return false;
    }
    const viewer: Viewer = { slowSinceMs: null };
    this.#viewers.set(socket, viewer);
    socket.on('close', () => this.#remove(socket));
    socket.on('error', () => socket.terminate());
    if (this.#beginning) this.#begin(socket, viewer, this.#beginning);
    return true;
  }

  /** A stream begins, or begins anew. */
  begin(beginning: Fmp4Beginning): void {
    this.#beginning = beginning;
    this.#group = null;
    this.#groupBytes = 0;
    for (const [socket, viewer] of this.#viewers) this.#begin(socket, viewer, beginning);
  }

  /** `keyframe`: a player can begin there. */
  send(fragment: Buffer, keyframe: boolean): void {
    if (keyframe) {
      this.#group = [];
      this.#groupBytes = 0;
    }
    this.#group?.push(fragment);
    this.#groupBytes += fragment.length;
    if (this.#groupBytes > MAX_GROUP_BYTES) this.#group = null;
    for (const [socket, viewer] of this.#viewers) this.#send(socket, viewer, fragment, keyframe);
  }

  /** What was kept belongs to a stream that is over; viewers stay for the next one. */
  forget(): void {
    this.#beginning = null;
    this.#group = null;
  }

  /** Ends all of them. */
  close(code: number, reason: string): void {
    for (const socket of [...this.#viewers.keys()]) this.end(socket, code, reason);
  }

  /** Ends one of them, where it is one. */
  end(socket: Socket, code: number, reason: string): void {
    if (!this.#viewers.has(socket)) return;
    socket.close(code, reason);
    this.#remove(socket);
  }

  #begin(socket: Socket, viewer: Viewer, { init, segment }: Fmp4Beginning): void {
    socket.send(init);
    socket.send(segment);
    for (const fragment of this.#group ?? []) socket.send(fragment);
    // Without a group to begin with, the next keyframe is where it begins.
    viewer.slowSinceMs = this.#group === null ? performance.now() : null;
  }

  #send(socket: Socket, viewer: Viewer, fragment: Buffer, keyframe: boolean): void {
    const full = socket.bufferedAmount > MAX_BUFFERED_BYTES;
    if (viewer.slowSinceMs === null && full) viewer.slowSinceMs = performance.now();
    if (viewer.slowSinceMs !== null && (full || !keyframe)) {
      this.counters.droppedFragments++;
      if (full && performance.now() - viewer.slowSinceMs > SLOW_LIMIT_MS) {
        this.counters.closedViewers++;
        this.end(socket, 1013, 'the connection is too slow for this camera');
      }
      return;
    }
    viewer.slowSinceMs = null;
    socket.send(fragment);
  }

  #remove(socket: Socket): void {
    if (this.#viewers.delete(socket)) this.#onLeft(socket);
  }
}
