// Plays the recordings of one camera from any instant over HLS, and says when what is on the screen was recorded.
// It loads a stretch at a time; at its end it goes on with the next.
import type Hls from 'hls.js';
import { Observable } from '../observable.ts';
import { apiAddress, ask, type Failure } from '../system/api.ts';
import { followFrames } from '../video-frames.ts';
import { FrameTimes } from './frame-times.ts';
import { MediaMap } from './media-map.ts';

export const RATES = [1, 2, 4, 8] as const;

export interface PlaybackState {
  readonly status: 'idle' | 'loading' | 'playing' | 'paused' | 'ended' | 'failed';
  /** When the frame on the screen was recorded, seconds UTC. */
  readonly shownAtS: number | null;
  readonly rate: number;
  readonly muted: boolean;
  readonly failure: Failure | null;
}

/** Of a finished stretch. Near the present the playlist grows instead. */
const STRETCH_S = 1800;
const NEAR_PRESENT_S = 20;

export class RecordingPlayer extends Observable<PlaybackState> implements Disposable {
  readonly #cameraId: string;
  readonly #video: HTMLVideoElement;
  readonly #bufferS: number;
  readonly #ending = new AbortController();
  #hls: Hls | null = null;
  #map = new MediaMap([]);
  /** Of a stretch that ended before the present: where the next begins. */
  #nextS: number | null = null;
  /** What is asked for and not yet on the screen. */
  #wantedS: number | null = null;
  #load = 0;
  /** Where the frame on the screen begins, media time. */
  #lastFrameS: number | null = null;
  /** Where the one begins that was stepped to; null once it stands elsewhere. It may not be on the screen yet. */
  #steppedS: number | null = null;
  readonly #frames = new FrameTimes();

  /** `bufferS`: how much is loaded ahead; less where many play at once. */
  constructor(cameraId: string, video: HTMLVideoElement, { bufferS = 20 }: { bufferS?: number } = {}) {
    super({ status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null });
    this.#cameraId = cameraId;
    this.#video = video;
    this.#bufferS = bufferS;
    const { signal } = this.#ending;
    const on = (name: string, listener: () => void): void => video.addEventListener(name, listener, { signal });
    on('playing', () => {
      this.#steppedS = null;
      this.#settle('playing');
    });
    on('pause', () => { if (!video.ended && this.get().status === 'playing') this.set({ status: 'paused' }); });
    on('seeked', () => { if (video.paused && this.get().status === 'loading') this.#settle('paused'); });
    on('waiting', () => { if (this.get().status === 'playing') this.set({ status: 'loading' }); });
    on('ended', () => void this.#goOn());
    followFrames(video, signal, (frame) => this.#onFrame(frame?.mediaTime ?? video.currentTime));
  }

  /** At which instant the video stands; null while what is asked for is not there. Finer than `shownAtS`, which is of a frame. */
  get positionS(): number | null { return this.#hls && this.#wantedS === null ? this.#map.wallAt(this.#video.currentTime) : null; }

  /** Plays from `atS`; `play` false shows that frame and waits. */
  async show(atS: number, play = true): Promise<void> {
    this.#wantedS = atS;
    this.#steppedS = null;
    const mediaS = this.#hls ? this.#map.mediaAt(atS) : null;
    this.set({ status: 'loading', failure: null });
    if (mediaS === null) return this.#open(atS, play);
    this.#video.currentTime = mediaS;
    await this.#playOrPause(play);
  }

  toggle(): void {
    const { status, shownAtS } = this.get();
    if (status === 'playing') this.#video.pause();
    else if ((status === 'failed' || status === 'ended') && shownAtS !== null) void this.show(shownAtS);
    else if (status === 'paused') this.play();
  }

  play(): void { void this.#playOrPause(true); }

  pause(): void { this.#video.pause(); }

  /** A little more or less than the rate that was chosen, to keep in step with others. */
  set pace(rate: number) { if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate; }

  setRate(rate: number): void {
    this.#video.playbackRate = this.#video.defaultPlaybackRate = rate;
    this.set({ rate });
  }

  setMuted(muted: boolean): void {
    this.#video.muted = muted;
    this.set({ muted });
  }

  /** One frame on or back; it stops there. */
  step(direction: 1 | -1): void {
    this.#video.pause();
    const { startS, middleS } = this.#frames.step(this.#steppedS ?? this.#lastFrameS ?? this.#video.currentTime, direction);
    this.#steppedS = startS;
    this.#video.currentTime = middleS;
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    this.#close();
  }

  async #open(atS: number, play: boolean): Promise<void> {
    const load = ++this.#load;
    this.#close();
    const { default: HlsClass } = await import('hls.js/light');
    if (load !== this.#load || this.#ending.signal.aborted) return;
    const nowS = Date.now() / 1000;
    const finished = atS + STRETCH_S < nowS - NEAR_PRESENT_S;
    this.#nextS = finished ? atS + STRETCH_S : null;
    const address = `cameras/${encodeURIComponent(this.#cameraId)}/hls/index.m3u8?start=${atS.toFixed(3)}${finished ? `&end=${(atS + STRETCH_S).toFixed(3)}` : ''}`;
    // No worker: the page's Content-Security-Policy allows none from a blob, and fMP4 needs no transmuxing.
    const hls = new HlsClass({ enableWorker: false, startPosition: 0, maxBufferLength: this.#bufferS, maxMaxBufferLength: 3 * this.#bufferS, backBufferLength: 1.5 * this.#bufferS, liveDurationInfinity: false });
    this.#hls = hls;
    let positioned = false;
    hls.on(HlsClass.Events.LEVEL_UPDATED, (_name, { details }) => {
      this.#map = new MediaMap(details.fragments.map(({ start, duration, programDateTime }) => ({ mediaS: start, durationS: duration, wallS: (programDateTime ?? 0) / 1000 })));
    });
    hls.on(HlsClass.Events.FRAG_LOADED, (_name, { frag, payload }) => this.#frames.add(payload, frag.start, frag.duration));
    hls.on(HlsClass.Events.FRAG_BUFFERED, () => {
      if (positioned) return;
      positioned = true;
      const mediaS = this.#map.mediaAt(this.#wantedS ?? atS);
      if (mediaS !== null && Math.abs(mediaS - this.#video.currentTime) > 0.02) this.#video.currentTime = mediaS;
      void this.#playOrPause(play);
    });
    hls.on(HlsClass.Events.ERROR, (_name, error) => {
      if (!error.fatal || load !== this.#load) return;
      if (error.type === HlsClass.ErrorTypes.MEDIA_ERROR && this.get().status === 'playing') hls.recoverMediaError();
      else void this.#fail(load, address, error.reason ?? error.error.message);
    });
    hls.loadSource(apiAddress(address));
    hls.attachMedia(this.#video);
    this.#video.playbackRate = this.#video.defaultPlaybackRate = this.get().rate;
  }

  /** hls.js knows that something failed, the server knows what: it is asked once more. */
  async #fail(load: number, address: string, reason: string): Promise<void> {
    this.#close();
    const { failure } = await ask(address);
    if (load !== this.#load) return;
    // A playlist is no JSON: that it could not be read as such says that the server has it, and that playing it failed.
    const known = failure && failure.code !== 'server_unreachable' ? failure : { code: 'internal', message: `The recording could not be played: ${reason}`, advice: null };
    this.set({ status: 'failed', failure: known });
  }

  async #goOn(): Promise<void> {
    if (this.#nextS === null) return this.set({ status: 'ended' });
    await this.show(Math.max(this.#nextS, this.#map.endS ?? 0));
  }

  async #playOrPause(play: boolean): Promise<void> {
    if (!play) {
      this.#video.pause();
      if (!this.#video.seeking) this.#settle('paused');
      return;
    }
    try {
      await this.#video.play();
    } catch (error) {
      // Another request for a position came between; it has its own end.
      if ((error as Error).name === 'NotAllowedError') this.#settle('paused');
    }
  }

  #settle(status: 'playing' | 'paused'): void {
    this.#wantedS = null;
    this.set({ status });
  }

  #onFrame(mediaS: number): void {
    this.#lastFrameS = mediaS;
    const shownAtS = this.#map.wallAt(mediaS);
    if (this.#hls && shownAtS !== null) this.set({ shownAtS });
  }

  #close(): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.#map = new MediaMap([]);
    this.#lastFrameS = this.#steppedS = null;
    this.#frames.clear();
  }
}
