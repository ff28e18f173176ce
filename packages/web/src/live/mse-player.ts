// The MSE path: plays a camera's live WebSocket in a video element, buffers, stays near the live edge, and comes back by
// itself after a break, a restart of the stream or a change of codec.
import type { LiveInit } from '@ruth/protocol';
import { BackOff } from './back-off.ts';
import { followLiveEdge } from './live-edge.ts';
import type { LivePhase } from './live-path.ts';
import { mediaSourceClass, SegmentBuffer } from './segment-buffer.ts';

const FOLLOW_EVERY_MS = 200;
const SILENCE_LIMIT_MS = 12_000;
const UNPLAYABLE_RETRY_MS = 20_000;
const MAX_DELAY_S = 2.5;
/** A stream begins with all pictures since its last keyframe, in pieces; while they come, it jumps at once. */
const SETTLING_MS = 1500;
const SETTLING_JUMP_BEYOND_S = 0.3;
const JUMP_BEYOND_S = 3;

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
  #targetDelayS = 0.4;
  /** Grows when playback runs dry, and shrinks again while it does not. */
  #reserveS = 0;

  constructor(video: HTMLVideoElement, url: string, onPhase: (phase: LivePhase) => void) {
    this.#video = video;
    this.#url = url;
    this.#onPhase = onPhase;
  }

  /** What the present stream said of itself; null while there is none. */
  get init(): LiveInit | null { return this.#init; }

  /** How far behind the newest picture playback shall stay, seconds. */
  set targetDelayS(value: number) { this.#targetDelayS = value; }

  /** How far behind the newest received picture playback is, seconds; null where nothing is buffered. */
  get delayS(): number | null {
    const { buffered, currentTime } = this.#video;
    return buffered.length > 0 ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) : null;
  }

  start(): void {
    if (this.#followTimer !== undefined) return;
    this.#followTimer = setInterval(() => this.#follow(), FOLLOW_EVERY_MS);
    this.#video.addEventListener('waiting', this.#onDry);
    this.#video.addEventListener('playing', this.#onPlaying);
    this.#connect();
  }

  stop(): void {
    clearInterval(this.#followTimer);
    this.#followTimer = undefined;
    this.#video.removeEventListener('waiting', this.#onDry);
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
      else this.#buffer?.append(data);
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
    this.#buffer = new SegmentBuffer(Source, this.#video, init.mime, (reason) => this.#retry(reason));
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
  }

  #follow(): void {
    if (this.#socket && performance.now() - this.#heardAt > SILENCE_LIMIT_MS) {
      this.#retry('no pictures came');
      return;
    }
    const video = this.#video;
    if (!this.#init || video.buffered.length === 0) return;
    this.#reserveS = Math.max(0, this.#reserveS - 0.002);
    const buffered = Array.from({ length: video.buffered.length }, (_, index) => ({ startS: video.buffered.start(index), endS: video.buffered.end(index) }));
    const step = followLiveEdge({
      currentTimeS: video.currentTime, buffered, rate: video.playbackRate, targetDelayS: Math.min(MAX_DELAY_S, this.#targetDelayS + this.#reserveS),
      jumpBeyondS: performance.now() > this.#settledAt ? JUMP_BEYOND_S : SETTLING_JUMP_BEYOND_S,
    });
    if (this.#settledAt === Infinity) this.#settledAt = performance.now() + SETTLING_MS;
    if (step.seekToS !== null) video.currentTime = step.seekToS;
    if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
    // Refused only before the first gesture where sound is on; this video has none.
    if (video.paused) video.play().catch(() => undefined);
  }

  readonly #onDry = (): void => {
    if (this.#init) this.#reserveS = Math.min(1, this.#reserveS + 0.1);
  };

  readonly #onPlaying = (): void => {
    this.#backOff.reset();
    this.#onPhase({ name: 'playing' });
  };
}
