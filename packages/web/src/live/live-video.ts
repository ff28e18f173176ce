// Live video of a camera by the better of two ways. MSE begins at once; WebRTC, which is later by less, takes over with
// its first picture, without a flash; where there is no WebRTC or it breaks, MSE carries on and WebRTC is tried again.
import { followFrames } from '../video-frames.ts';
import { BackOff } from './back-off.ts';
import { Growth, type LiveNumbers } from './live-numbers.ts';
import { liveVideoElement, ptsOfRtpTimestamp, type LivePhase, type PathChoice, type PathName, type ShownFrame, type WallOrigin } from './live-path.ts';
import { MsePlayer } from './mse-player.ts';
import { webRtcMissing, WebRtcPlayer } from './webrtc-player.ts';

export interface LivePathReport { readonly name: PathName; readonly why: string }

/** How far behind the newest picture each way shall play, seconds. WebRTC that the user chose plays as early as it can. */
export interface LiveDelays { readonly mseS: number; readonly webRtcS: number }

export interface LiveVideoOptions {
  /** Takes the video elements, the one that is shown topmost. */
  readonly container: HTMLElement;
  readonly label: string;
  /** Addresses of the two WebSockets. */
  readonly mseUrl: string;
  readonly webRtcUrl: string;
  /** What MSE brings is the camera's smaller stream, which suffices where the picture is small: then WebRTC, which has the main one alone, is not tried unless it was chosen. */
  readonly small: boolean;
  readonly onPhase: (phase: LivePhase) => void;
  /** `pts_us` of a recent picture, 0 where none is known: it tells RTP times of different rounds apart. */
  readonly recentPtsUs: () => number;
  /** A frame is on the screen; null where nothing is. */
  readonly onFrame: (frame: ShownFrame | null) => void;
}

interface Way<Player> { readonly video: HTMLVideoElement; readonly player: Player; readonly following: AbortController; readonly pictures: Growth; readonly bytes: Growth }
type Mse = Way<MsePlayer>;
type WebRtc = Way<WebRtcPlayer> & { shown: boolean; heldBackS: number };

const HELD_BACK_STEP_S = 0.2;
const RETRY_FIRST_MS = 4000;
const RETRY_LONGEST_MS = 60_000;

export class LiveVideo {
  readonly #options: LiveVideoOptions;
  readonly #backOff = new BackOff(RETRY_FIRST_MS, RETRY_LONGEST_MS);
  #choice: PathChoice = 'auto';
  #running = false;
  #mse: Mse | null = null;
  #webRtc: WebRtc | null = null;
  /** The last picture of a WebRTC path that broke, until another path shows one. */
  #frozen: HTMLVideoElement | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #webRtcProblem: string | null = null;
  #msePhase: LivePhase = { name: 'idle' };
  #delays: LiveDelays = { mseS: 0.4, webRtcS: 0 };
  #wallOrigin: WallOrigin | null = null;

  constructor(options: LiveVideoOptions) { this.#options = options; }

  set delays(delays: LiveDelays) {
    this.#delays = delays;
    if (this.#mse) this.#mse.player.lag.atLeastS = delays.mseS;
    const heldBackS = this.#heldBackS;
    if (!this.#webRtc || (heldBackS !== 0 && Math.abs(heldBackS - this.#webRtc.heldBackS) < HELD_BACK_STEP_S)) return;
    this.#webRtc.player.heldBackS = this.#webRtc.heldBackS = heldBackS;
  }

  set choice(choice: PathChoice) {
    if (choice === this.#choice) return;
    this.#choice = choice;
    if (!this.#running) return;
    this.stop();
    this.start();
  }

  /** The element with the picture; null before the first. */
  get shownVideo(): HTMLVideoElement | null { return this.#webRtc?.shown ? this.#webRtc.video : this.#mse?.video ?? this.#frozen; }

  get path(): LivePathReport {
    if (this.#webRtc?.shown) return { name: 'webrtc', why: `${this.#choice === 'webrtc' ? 'WebRTC, as you chose: as early as can be' : 'WebRTC: the least delay'}${this.#webRtc.heldBackS > 0 ? `; held back ${this.#webRtc.heldBackS.toFixed(1)} s, so that what slow models see lies on it` : ''}.` };
    if (this.#options.small && this.#choice !== 'webrtc') return { name: 'mse', why: 'The camera\'s smaller stream, which models look at, over MSE (fMP4 over a WebSocket): it suffices for a small picture and costs this browser less.' };
    if (this.#choice === 'mse') return { name: 'mse', why: 'MSE (fMP4 over a WebSocket), as you chose.' };
    if (this.#choice === 'webrtc') return { name: 'webrtc', why: `WebRTC, as you chose${this.#webRtcProblem === null ? '' : `; it does not play: ${this.#webRtcProblem}`}.` };
    return { name: 'mse', why: this.#webRtcProblem === null ? 'MSE (fMP4 over a WebSocket) until WebRTC is there.' : `MSE (fMP4 over a WebSocket), as there is no WebRTC: ${this.#webRtcProblem}.` };
  }

  get delayS(): number | null { return this.#webRtc?.shown ? this.#webRtc.player.delayS : this.#mse?.player.delayS ?? null; }

  /** What is shown, in numbers; null where nothing is. To be asked a few times a second. */
  get numbers(): LiveNumbers | null {
    const nowMs = performance.now();
    const shown = this.#webRtc?.shown ? this.#webRtc : this.#mse;
    if (!shown) return null;
    const { totalVideoFrames, droppedVideoFrames } = shown.video.getVideoPlaybackQuality();
    const { delayS, receivedBytes } = shown.player;
    const common = { delayS, rate: shown.video.playbackRate, shownFps: shown.pictures.note(nowMs, totalVideoFrames - droppedVideoFrames), dropped: droppedVideoFrames };
    const bytesPerS = receivedBytes === null ? null : shown.bytes.note(nowMs, receivedBytes);
    const bitsPerS = bytesPerS === null ? null : bytesPerS * 8;
    if (shown.player instanceof WebRtcPlayer) return { path: 'webrtc', ...common, bitsPerS, targetS: this.#heldBackS, jitterS: shown.player.jitterS, halts: shown.player.halts };
    const { behindS, jitterS, dry } = shown.player.lag;
    return { path: 'mse', ...common, bitsPerS, targetS: behindS, jitterS, halts: dry };
  }

  get wallOrigin(): WallOrigin | null { return this.#wallOrigin; }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#webRtcProblem = null;
    if (this.#choice !== 'webrtc') this.#startMse();
    if (this.#choice === 'webrtc' || (this.#choice === 'auto' && !this.#options.small)) this.#startWebRtc();
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    clearTimeout(this.#retryTimer);
    this.#stopMse();
    this.#stopWebRtc();
    this.#frozen?.remove();
    this.#frozen = null;
    this.#options.onFrame(null);
    this.#options.onPhase({ name: 'idle' });
  }

  #startMse(): void {
    if (this.#mse) return;
    const video = liveVideoElement(this.#options.label);
    const following = new AbortController();
    const player = new MsePlayer(video, this.#options.mseUrl, (phase) => this.#onMsePhase(phase));
    player.lag.atLeastS = this.#delays.mseS;
    this.#mse = { video, player, following, pictures: new Growth(), bytes: new Growth() };
    // Under the last picture of another path, until it has one of its own.
    this.#options.container.prepend(video);
    followFrames(video, following.signal, (frame) => {
      const { init } = player;
      if (this.#webRtc?.shown || !init || this.#msePhase.name !== 'playing') return;
      if (init.wall_origin !== undefined) this.#wallOrigin = { epoch: init.epoch, ptsOriginUs: init.pts_origin_us, wallOriginS: init.wall_origin };
      this.#options.onFrame({ ptsUs: (frame?.mediaTime ?? video.currentTime) * 1e6 + init.pts_origin_us, epoch: init.epoch });
    });
    player.start();
  }

  #onMsePhase(phase: LivePhase): void {
    this.#msePhase = phase;
    if (!this.#running || !this.#mse || this.#webRtc?.shown) return;
    // While it opens, the last picture of the other path stands for it.
    if (phase.name === 'connecting' && this.#frozen) return;
    this.#frozen?.remove();
    this.#frozen = null;
    if (phase.name !== 'playing') this.#options.onFrame(null);
    this.#options.onPhase(phase);
  }

  #stopMse(): void {
    const mse = this.#mse;
    this.#mse = null;
    mse?.following.abort();
    mse?.player.stop();
    mse?.video.remove();
  }

  #startWebRtc(): void {
    const missing = webRtcMissing();
    if (missing) return this.#onWebRtcEnd(missing, false);
    const video = liveVideoElement(this.#options.label);
    const following = new AbortController();
    const player = new WebRtcPlayer({
      video, url: this.#options.webRtcUrl,
      onPicture: () => this.#onWebRtcPicture(), onEnd: ({ reason, again }) => this.#onWebRtcEnd(reason, again),
    });
    this.#webRtc = { video, player, following, pictures: new Growth(), bytes: new Growth(), shown: false, heldBackS: this.#heldBackS };
    player.heldBackS = this.#heldBackS;
    this.#options.container.prepend(video);
    if (this.#choice === 'webrtc') this.#options.onPhase({ name: 'connecting' });
    followFrames(video, following.signal, (frame) => {
      const { stream } = player;
      if (!this.#webRtc?.shown || !stream) return;
      const known = frame?.rtpTimestamp !== undefined && stream.rtp_offset !== null;
      this.#options.onFrame({ ptsUs: known ? ptsOfRtpTimestamp(frame.rtpTimestamp!, stream.rtp_offset!, this.#nearPtsUs(stream.epoch)) : null, epoch: stream.epoch });
    });
  }

  get #heldBackS(): number { return this.#choice === 'webrtc' ? 0 : this.#delays.webRtcS; }

  /** To the hour is near enough, so this browser's own clock serves. */
  #nearPtsUs(epoch: number): number {
    const origin = this.#wallOrigin;
    return origin?.epoch === epoch ? origin.ptsOriginUs + (Date.now() / 1000 - origin.wallOriginS) * 1e6 : this.#options.recentPtsUs();
  }

  #onWebRtcPicture(): void {
    this.#webRtc!.shown = true;
    this.#webRtcProblem = null;
    this.#backOff.reset();
    this.#stopMse();
    this.#frozen?.remove();
    this.#frozen = null;
    this.#options.onPhase({ name: 'playing' });
  }

  #onWebRtcEnd(reason: string, again: boolean): void {
    const wasShown = this.#webRtc?.shown ?? false;
    this.#webRtcProblem = reason;
    if (wasShown) {
      this.#frozen = this.#webRtc!.video;
      this.#options.onFrame(null);
    }
    this.#stopWebRtc(wasShown);
    if (this.#choice === 'auto') this.#startMse();
    else this.#options.onPhase({ name: 'retrying', reason });
    // Where trying again cannot help by itself, the camera may still be set up anew: rarely, then.
    if (webRtcMissing() === null) this.#retryTimer = setTimeout(() => this.#startWebRtc(), again ? this.#backOff.nextMs() : RETRY_LONGEST_MS);
  }

  #stopWebRtc(keepPicture = false): void {
    const webRtc = this.#webRtc;
    this.#webRtc = null;
    webRtc?.following.abort();
    webRtc?.player[Symbol.dispose]();
    if (!keepPicture) webRtc?.video.remove();
  }
}
