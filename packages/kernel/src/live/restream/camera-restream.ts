// One camera as other programs pull it from Ruth: the camera's process makes pictures for it only while a client is there, or
// was a moment ago. Clients outlive a camera that restarts; one that comes back with another codec ends them.
import { RuthError } from '@ruth/protocol';
import type { UnitMessage } from '../../ingest/messages.ts';
import { TICKS_PER_SECOND, ticksToUs } from '../../media/media-packet.ts';
import { isParameterSet, splitByteStream } from '../../media/nal-units.ts';
import { ContinuousClock } from '../rtp/continuous-clock.ts';
import { LiveSource, type AccessUnit, type MediaSource, type Subscription, type VideoDescription } from '../rtsp/media-source.ts';

/** A camera that sends nothing for so long does not serve at present. */
const FLOWING_MS = 5000;
/** How long a client waits for the first picture before it hears that there is none. */
const FIRST_PICTURE_LIMIT_MS = 8000;
/** The pictures go on for a while after the last client, who may only be connecting anew. */
const LINGER_MS = 10_000;
const MAX_BACKLOG_BYTES = 8 << 20;

export interface CameraRestreamOptions {
  /** Whether the camera's process shall hand over pictures. */
  readonly onWanted: (wanted: boolean) => void;
  readonly firstPictureLimitMs?: number;
}

export class CameraRestream implements MediaSource, Disposable {
  readonly #options: CameraRestreamOptions;
  readonly #clock = new ContinuousClock();
  readonly #waiting = new Set<() => void>();
  #format: Extract<UnitMessage, { type: 'unit-format' }> | null = null;
  #description: VideoDescription | null = null;
  #live: LiveSource | null = null;
  #newestAtMs = -Infinity;
  #clients = 0;
  #linger: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: CameraRestreamOptions) { this.#options = options; }

  /** Clients that play at present. */
  get clients(): number { return this.#clients; }

  /** Throws `camera_stalled` where no picture comes in time. */
  async describe(): Promise<VideoDescription> {
    this.#want();
    if (!this.#flowing) await this.#firstPicture();
    if (!this.#flowing || this.#description === null) throw new RuthError('camera_stalled', 'the camera sends no picture at present');
    return this.#description;
  }

  subscribe(listener: (unit: AccessUnit) => void, onEnd: () => void): Subscription {
    if (this.#live === null) {
      onEnd();
      return { backlog: [], [Symbol.dispose]: () => undefined };
    }
    const subscription = this.#live.subscribe(listener, onEnd);
    this.#clients++;
    this.#want();
    let open = true;
    return {
      backlog: subscription.backlog,
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]();
        if (open) this.#clients--;
        open = false;
        this.#want();
      },
    };
  }

  take(message: UnitMessage): void {
    if (this.#closed) return;
    if (message.type === 'unit-format') this.#takeFormat(message);
    else this.#takeUnit(message);
  }

  /** The camera's process ended. Whoever plays waits for the next one. */
  forget(): void { this.#newestAtMs = -Infinity; }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#linger);
    this.#live?.end();
    for (const wake of this.#waiting) wake();
  }

  get #flowing(): boolean { return performance.now() - this.#newestAtMs < FLOWING_MS; }

  #want(): void {
    if (this.#closed) return;
    clearTimeout(this.#linger);
    this.#options.onWanted(true);
    if (this.#clients > 0) return;
    this.#linger = setTimeout(() => {
      this.#options.onWanted(false);
      this.#live = null;
      this.#format = null;
      this.forget();
    }, LINGER_MS);
    this.#linger.unref();
  }

  async #firstPicture(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.firstPictureLimitMs ?? FIRST_PICTURE_LIMIT_MS);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }

  #takeFormat(format: Extract<UnitMessage, { type: 'unit-format' }>): void {
    if (format.codec !== this.#format?.codec) {
      this.#live?.end();
      this.#live = null;
    }
    this.#format = format;
    this.#description = { codec: format.codec, parameterSets: splitByteStream(format.parameterSets), frameRate: null };
    if (this.#live) this.#live.redescribe(this.#description);
    else this.#live = new LiveSource(this.#description, { maxBacklogBytes: MAX_BACKLOG_BYTES });
  }

  #takeUnit({ data, ptsUs, keyframe, epoch }: Extract<UnitMessage, { type: 'unit' }>): void {
    if (this.#live === null || this.#description === null) return;
    const ptsTicks = Math.round(ptsUs * TICKS_PER_SECOND / 1e6);
    this.#clock.begins(epoch, ptsTicks);
    const { codec, parameterSets } = this.#description;
    const own = splitByteStream(data);
    // Those of the description at SETUP may be others by now: the stream says itself what it is.
    const nals = keyframe && !own.some((nal) => isParameterSet(codec, nal)) ? [...parameterSets, ...own] : own;
    this.#newestAtMs = performance.now();
    this.#live.push({ nals, keyframe, ptsUs: ticksToUs(ptsTicks + this.#clock.offsetTicks) });
    for (const wake of this.#waiting) wake();
  }
}
