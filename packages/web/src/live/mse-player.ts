// The MSE path: plays a camera's live WebSocket in a video element, buffers, stays near the live edge, and comes back by
// itself after a break, a restart of the stream or a change of codec.
import type { LiveInit } from '@ruth/protocol';
import { BackOff } from './back-off.ts';
import { followLiveEdge } from './live-edge.ts';
import type { LivePhase } from './live-path.ts';
import { PlayoutLag } from './playout-lag.ts';
import { mediaSourceClass, SegmentBuffer } from './segment-buffer.ts';

const FOLLOW_EVERY_MS = 200;
const SILENCE_LIMIT_MS = 12_000;
const UNPLAYABLE_RETRY_MS = 20_000;
/** A stream begins with all pictures since its last keyframe, in pieces; while they come, it jumps at once. */
const SETTLING_MS = 1500;
const SETTLING_JUMP_BEYOND_S = 0.3;
const JUMP_BEYOND_S = 3;
/** So long after a jump, that no picture is there is the jump's doing. */
const JUMP_MS = 1000;

export class MsePlayer {
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  readonly #onPhase: (phase: LivePhase) => void;
  readonly #backOff = new BackOff();
  #socket: WebSocket | null = null;
  #buffer: SegmentBuffer | null = null;
  #init: LiveInit | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #followTimer: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #settledAt = Infinity;
  #jumpedAt = -Infinity;
  /** Playback waits for a picture, which is not counted yet: what it does as it begins or jumps may be why. */
  #waits = false;
  #receivedBytes = 0;

  /** Where playback shall be. */
  readonly lag = new PlayoutLag();

  constructor(video: HTMLVideoElement, url: string, onPhase: (phase: LivePhase) => void) {
    this.#video = video;
    this.#url = url;
    this.#onPhase = onPhase;
  }

  /** What the present stream said of itself; null while there is none. */
  get init(): LiveInit | null { return this.#init; }

  /** How far behind the newest picture playback is, seconds, where that comes as early as others; null while nothing came. */
  get delayS(): number | null {
    const { earliestS } = this.lag.arrivals;
    return earliestS === null ? null : Math.max(0, performance.now() / 1000 - this.#video.currentTime - earliestS);
  }

  /** Of all streams together. */
  get receivedBytes(): number { return this.#receivedBytes; }

  start(): void {
    if (this.#followTimer !== undefined) return;
    this.#followTimer = setInterval(() => this.#follow(), FOLLOW_EVERY_MS);
    this.#video.addEventListener('waiting', this.#onWaiting);
    this.#video.addEventListener('playing', this.#onPlaying);
    this.#connect();
  }

  stop(): void {
    clearInterval(this.#followTimer);
    this.#followTimer = undefined;
    this.#video.removeEventListener('waiting', this.#onWaiting);
    this.#video.removeEventListener('playing', this.#onPlaying);
    this.#disconnect();
    this.#onPhase({ name: 'idle' });
  }

  #connect(): void {
    this.#onPhase({ name: 'connecting' });
    this.#heardAt = performance.now();
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.#heardAt = performance.now();
      if (typeof data === 'string') this.#begin(JSON.parse(data) as LiveInit);
      else {
        this.#receivedBytes += data.byteLength;
        this.#buffer?.append(data);
      }
    });
    socket.addEventListener('close', ({ reason }) => {
      if (this.#socket === socket) this.#retry(reason || 'the connection was lost');
    });
  }

  #begin(init: LiveInit): void {
    const Source = mediaSourceClass();
    this.#dropBuffer();
    if (!Source?.isTypeSupported(init.mime)) {
      this.#disconnect();
      this.#onPhase({ name: 'unplayable', mime: init.mime });
      this.#retryTimer = setTimeout(() => this.#connect(), UNPLAYABLE_RETRY_MS);
      return;
    }
    // Also said when a stream that plays begins anew: what was drawn belongs to the old one.
    this.#onPhase({ name: 'connecting' });
    this.#init = init;
    this.#settledAt = Infinity;
    this.lag.begin();
    this.#buffer = new SegmentBuffer(Source, this.#video, init.mime, (reason) => this.#retry(reason));
    this.#buffer.onGrown = (endBeforeS, endS, parts) => this.lag.arrivals.note(performance.now() / 1000, endBeforeS, endS, parts);
  }

  #retry(reason: string): void {
    this.#disconnect();
    this.#onPhase({ name: 'retrying', reason });
    this.#retryTimer = setTimeout(() => this.#connect(), this.#backOff.nextMs());
  }

  #disconnect(): void {
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#dropBuffer();
  }

  #dropBuffer(): void {
    this.#buffer?.close();
    this.#buffer = null;
    this.#init = null;
    this.#waits = false;
  }

  #follow(): void {
    if (this.#socket && performance.now() - this.#heardAt > SILENCE_LIMIT_MS) {
      this.#retry('no pictures came');
      return;
    }
    this.#countDry();
    const video = this.#video;
    if (!this.#init || video.buffered.length === 0) return;
    this.lag.relax(performance.now());
    const { behindS, arrivals: { earliestS } } = this.lag;
    if (behindS === null || earliestS === null) return;
    const buffered = Array.from({ length: video.buffered.length }, (_, index) => ({ startS: video.buffered.start(index), endS: video.buffered.end(index) }));
    const step = followLiveEdge({
      currentTimeS: video.currentTime, buffered, rate: video.playbackRate, nowS: performance.now() / 1000, targetLagS: earliestS + behindS,
      jumpBeyondS: performance.now() > this.#settledAt ? JUMP_BEYOND_S : SETTLING_JUMP_BEYOND_S,
    });
    if (this.#settledAt === Infinity) this.#settledAt = performance.now() + SETTLING_MS;
    if (step.seekToS !== null) {
      video.currentTime = step.seekToS;
      this.#jumpedAt = performance.now();
    }
    if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
    // Refused only before the first gesture where sound is on; this video has none.
    if (video.paused) video.play().catch(() => undefined);
  }

  readonly #onWaiting = (): void => {
    this.#waits = this.#init !== null;
    this.#countDry();
  };

  /** A jump waits for its picture, too, and while a stream begins, what is there is no measure; but what lasts longer than that is dry. */
  #countDry(): void {
    if (!this.#waits || this.#video.seeking || performance.now() <= Math.max(this.#settledAt, this.#jumpedAt + JUMP_MS)) return;
    this.#waits = false;
    this.lag.ranDry(performance.now());
  }

  readonly #onPlaying = (): void => {
    this.#waits = false;
    this.#backOff.reset();
    this.#onPhase({ name: 'playing' });
  };
}
