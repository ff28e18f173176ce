// The live fMP4 of one camera: made while somebody watches, or looks at a single picture, and a while after. How it is handed to viewers is said in @ruth/transport (fmp4).
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { Fmp4Viewers, MAX_FMP4_VIEWERS, type Fmp4Counters } from '@ruth/transport';
import type { WebSocket } from 'ws';
import type { Fmp4Message } from '../../ingest/messages.ts';

/** The stream goes on for a while after the last viewer, who may only be reloading the page. */
const LINGER_MS = 3000;
const FIRST_PICTURE_LIMIT_MS = 5000;
const LOOK_EVERY_MS = 10;

export interface LiveRelayOptions {
  /** Whether the camera's process shall make the stream. */
  readonly onWanted: (wanted: boolean) => void;
}

export class LiveRelay {
  readonly #options: LiveRelayOptions;
  readonly #viewers = new Fmp4Viewers<WebSocket>(() => this.#rest());
  #linger: NodeJS.Timeout | undefined;
  /** Who waits for a picture and no more. */
  #looks = 0;

  constructor(options: LiveRelayOptions) { this.#options = options; }

  get viewers(): number { return this.#viewers.size; }
  get counters(): Fmp4Counters { return this.#viewers.counters; }

  add(socket: WebSocket): void {
    if (!this.#viewers.add(socket)) return;
    clearTimeout(this.#linger);
    this.#options.onWanted(true);
  }

  /**
   * The init and the fragments since the last keyframe, whose last picture is the newest; makes the stream begin where nobody
   * watches. Throws `camera_unreachable` where no picture comes in time, `cancelled`.
   */
  async group(signal: AbortSignal): Promise<readonly Buffer[]> {
    if (this.#looks >= MAX_FMP4_VIEWERS) throw new RuthError('overloaded', 'too many look at this camera at once');
    this.#looks++;
    clearTimeout(this.#linger);
    this.#options.onWanted(true);
    const endMs = performance.now() + FIRST_PICTURE_LIMIT_MS;
    try {
      for (let quietMs = 0; ; quietMs += LOOK_EVERY_MS) {
        const seen = this.#viewers.group?.length ?? 0;
        await delay(LOOK_EVERY_MS);
        if (signal.aborted) throw new RuthError('cancelled', 'nobody waits for the picture any more');
        const { group, beginning } = this.#viewers;
        if (group?.length !== seen) quietMs = 0;
        // A stream that begins tells the pictures since the last keyframe all at once; the last one of them is now.
        if (beginning && group && group.length > 0 && (quietMs > 0 || performance.now() > endMs)) return [beginning.segment, ...group];
        if (performance.now() > endMs) throw new RuthError('camera_unreachable', 'the camera shows no picture at present');
      }
    } finally {
      this.#looks--;
      this.#rest();
    }
  }

  relay(message: Fmp4Message): void {
    if (message.type === 'live-init') this.#viewers.begin({ init: JSON.stringify(message.init), segment: message.segment });
    else this.#viewers.send(message.data, message.keyframe);
  }

  /** The camera's process ended: what was kept belongs to a stream that is over. */
  forget(): void { this.#viewers.forget(); }

  close(): void {
    this.#viewers.close(1001, 'shutting down');
    clearTimeout(this.#linger);
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
