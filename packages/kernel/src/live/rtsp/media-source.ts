// What the RTSP server serves: a source of coded pictures, and LiveSource, the one that others push into.

import type { VideoCodec } from '../../media/video-codec.ts';

export interface VideoDescription {
  readonly codec: VideoCodec;
  /** (VPS,) SPS and PPS as NAL units without start codes, in the order a decoder needs them. */
  readonly parameterSets: readonly Buffer[];
  /** Frames per second where known; only said to clients, never paced by. */
  readonly frameRate: number | null;
}

/** One coded picture. Never changed after it was handed over: all clients share its bytes. */
export interface AccessUnit {
  /** NAL units without start codes or lengths. */
  readonly nals: readonly Buffer[];
  readonly ptsUs: number;
  /** A decoder can begin here. */
  readonly keyframe: boolean;
}

export interface Subscription extends Disposable {
  /** What a client that begins now shall see first: the running GOP, keyframe first; empty where none is held. */
  readonly backlog: readonly AccessUnit[];
}

export interface MediaSource {
  /** Throws where the source has no video at present; the client is answered 503. */
  describe(): Promise<VideoDescription>;
  /** Calls `listener` with every access unit in decoding order, until disposed; `onEnd` where no more will come. Neither may block or throw. */
  subscribe(listener: (unit: AccessUnit) => void, onEnd: () => void): Subscription;
}

/** Hands each pushed unit to every subscriber and keeps the running GOP, bounded, so that a new client begins at once. */
export class LiveSource implements MediaSource {
  #description: VideoDescription;
  readonly #maxBacklogBytes: number;
  readonly #listeners = new Set<{ readonly take: (unit: AccessUnit) => void; readonly onEnd: () => void }>();
  #backlog: AccessUnit[] = [];
  #backlogBytes = 0;

  constructor(description: VideoDescription, options: { maxBacklogBytes?: number } = {}) {
    this.#description = description;
    this.#maxBacklogBytes = options.maxBacklogBytes ?? 4 * 1024 * 1024;
  }

  async describe(): Promise<VideoDescription> {
    return this.#description;
  }

  subscribe(take: (unit: AccessUnit) => void, onEnd: () => void = () => undefined): Subscription {
    const entry = { take, onEnd };
    this.#listeners.add(entry);
    return { backlog: [...this.#backlog], [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  push(unit: AccessUnit): void {
    this.#remember(unit);
    for (const { take } of this.#listeners) take(unit);
  }

  /** New parameter sets of the same codec; the next unit is a keyframe that carries them. */
  redescribe(description: VideoDescription): void {
    this.#description = description;
    this.#backlog = [];
  }

  /** Tells every subscriber that no more will come. */
  end(): void {
    for (const { onEnd } of [...this.#listeners]) onEnd();
    this.#listeners.clear();
  }

  #remember(unit: AccessUnit): void {
    if (unit.keyframe) {
      this.#backlog = [];
      this.#backlogBytes = 0;
    } else if (this.#backlog.length === 0) {
      return;
    }
    this.#backlogBytes += unit.nals.reduce((sum, nal) => sum + nal.length, 0);
    // A GOP cut short would decode to damage: hold all of it or none.
    if (this.#backlogBytes > this.#maxBacklogBytes) this.#backlog = [];
    else this.#backlog.push(unit);
  }
}
