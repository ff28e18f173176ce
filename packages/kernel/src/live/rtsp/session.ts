// One client's playback of one source. It never slows the source: a client that does not keep up loses whole pictures up
// to the next keyframe, counted; one that stays behind is given up.
import { randomBytes } from 'node:crypto';
import type { AccessUnit, MediaSource, Subscription, VideoDescription } from './media-source.ts';
import type { PacketSink } from './packet-sink.ts';
import { RtpStream } from './rtp-stream.ts';

const REPORT_INTERVAL_MS = 5000;

export interface SessionOptions {
  readonly mount: string;
  readonly source: MediaSource;
  readonly video: VideoDescription;
  readonly sink: PacketSink;
  readonly maxBufferedBytes: number;
  readonly slowClientTimeoutMs: number;
  /** Called for each unit sent, and for each left out because the client was behind. */
  readonly onUnit: (fate: 'sent' | 'dropped') => void;
  /** The client has been behind for longer than `slowClientTimeoutMs`. */
  readonly onTooSlow: () => void;
  /** The source gives no more. */
  readonly onEnd: () => void;
}

export class Session implements Disposable {
  readonly id = randomBytes(8).toString('hex');
  readonly mount: string;
  readonly #options: SessionOptions;
  readonly #stream: RtpStream;
  #subscription: Subscription | null = null;
  #lastPtsUs = 0;
  #lastUnitAtMs = 0;
  #lastReportAtMs = -Infinity;
  #behindSinceMs: number | null = null;
  /** What must come before anything is sent. */
  #awaited: 'first keyframe' | 'next keyframe' | null = null;

  constructor(options: SessionOptions) {
    this.mount = options.mount;
    this.#options = options;
    this.#stream = new RtpStream(options.video);
  }

  get ssrc(): number { return this.#stream.ssrc; }
  get playing(): boolean { return this.#subscription !== null; }

  /** Joins the source. `begin` sends the running GOP, and must be called before control returns to the event loop. */
  play(): { sequence: number; timestamp: number | null; begin: () => void } {
    const subscription = this.#options.source.subscribe((unit) => this.#deliver(unit), this.#options.onEnd);
    this.#subscription = subscription;
    const first = subscription.backlog[0];
    this.#awaited = first ? null : 'first keyframe';
    this.#behindSinceMs = null;
    return {
      sequence: this.#stream.nextSequence,
      timestamp: first ? this.#stream.timestamp(first.ptsUs) : null,
      begin: () => { for (const unit of subscription.backlog) this.#send(unit); },
    };
  }

  pause(): void {
    this.#subscription?.[Symbol.dispose]();
    this.#subscription = null;
  }

  [Symbol.dispose](): void {
    const { sink } = this.#options;
    if (this.playing) sink.sendRtcp(Buffer.concat([this.#report(), this.#stream.goodbye()]));
    this.pause();
    sink[Symbol.dispose]();
  }

  #deliver(unit: AccessUnit): void {
    const { sink, maxBufferedBytes, slowClientTimeoutMs, onUnit, onTooSlow } = this.#options;
    const nowMs = performance.now();
    if (sink.bufferedBytes > maxBufferedBytes) {
      this.#behindSinceMs ??= nowMs;
      this.#awaited = 'next keyframe';
    } else if (sink.bufferedBytes <= maxBufferedBytes / 2) {
      this.#behindSinceMs = null;
    }
    if (unit.keyframe && this.#behindSinceMs === null) this.#awaited = null;
    if (this.#awaited === null) {
      this.#send(unit);
    } else if (this.#awaited === 'next keyframe') {
      this.#stream.skip(unit);
      onUnit('dropped');
      if (this.#behindSinceMs !== null && nowMs - this.#behindSinceMs > slowClientTimeoutMs) onTooSlow();
    }
  }

  #send(unit: AccessUnit): void {
    const { sink, onUnit } = this.#options;
    this.#lastPtsUs = unit.ptsUs;
    this.#lastUnitAtMs = performance.now();
    if (this.#lastUnitAtMs - this.#lastReportAtMs >= REPORT_INTERVAL_MS) {
      this.#lastReportAtMs = this.#lastUnitAtMs;
      sink.sendRtcp(this.#report());
    }
    sink.sendRtp(this.#stream.packets(unit));
    onUnit('sent');
  }

  #report(): Buffer {
    const sinceUnitUs = (performance.now() - this.#lastUnitAtMs) * 1000;
    return this.#stream.senderReport(Date.now(), this.#lastPtsUs + sinceUnitUs);
  }
}
