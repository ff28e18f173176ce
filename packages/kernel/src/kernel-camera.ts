// One camera of the kernel: its process, and whoever gets what that process makes. The one place where what consumers want
// becomes what the process is told, and where what it says is handed on.
import type { CameraSettings, CameraStatus, RecordingSeam, Settings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { CameraEnd, RosterCamera } from './control/camera-roster.ts';
import { CameraProcess } from './ingest/camera-process.ts';
import type { FromIngest, RecordingTurn, TurnMessage } from './ingest/messages.ts';
import { LiveRelay } from './live/fmp4/live-relay.ts';
import type { CameraArchive } from './record/archive/index.ts';
import type { WebRtc } from './live/webrtc/webrtc.ts';
import type { WebRtcCamera } from './live/webrtc/webrtc-camera.ts';
import { CameraRestream } from './live/restream/camera-restream.ts';

export interface KernelCameraOptions {
  readonly camera: CameraSettings;
  readonly settings: Pick<Settings, 'ringDirectory' | 'recording' | 'decoding' | 'cameraAddresses'>;
  readonly logger: Logger;
  /** Null where nothing is recorded. */
  readonly archive: CameraArchive | null;
  /** Null where WebRTC is off. */
  readonly webrtc: WebRtc | null;
}

/** What a gap in the recordings says of it. */
const END_WORDS: Readonly<Record<CameraEnd, string>> = {
  changed: 'the settings of this camera were changed', removed: 'the camera was removed', stopped: 'Ruth was stopped', orphaned: '"ruth up" ended without stopping the kernel: it was killed, or crashed',
};

export class KernelCamera implements RosterCamera {
  readonly process: CameraProcess;
  readonly relay: LiveRelay;
  /** Of the stream for models; null where the camera has one stream. */
  readonly detectRelay: LiveRelay | null;
  readonly webrtc: WebRtcCamera | null;
  readonly restream: CameraRestream;
  readonly #archive: CameraArchive | null;
  #settings: CameraSettings;
  /** Of the present turn. */
  #held = false;
  #left: { readonly seam: RecordingSeam | null } | null = null;

  constructor({ camera, settings, logger, archive, webrtc }: KernelCameraOptions) {
    this.#settings = camera;
    this.#archive = archive;
    this.relay = new LiveRelay({ onWanted: (fmp4) => this.process.want({ fmp4 }) });
    this.detectRelay = camera.detectUrl === null ? null : new LiveRelay({ onWanted: (fmp4Detect) => this.process.want({ fmp4Detect }) });
    this.restream = new CameraRestream({ onWanted: (units) => this.process.want({ units }) });
    this.webrtc = webrtc && webrtc.camera({ cameraId: camera.id, look: () => this.process.stream, onWanted: (rtp) => this.process.want({ rtp }), onRepeat: () => this.#repeat() });
    this.process = new CameraProcess({
      camera, settings, logger,
      onMessage: (message) => this.#take(message), recordedUntilUs: () => archive?.recordedUntilUs ?? 0,
      onStatus: () => {
        this.webrtc?.update();
        archive?.observe(this.process.status);
      },
      onGone: (reason) => {
        this.#held = false;
        for (const relay of this.#relays) relay.forget();
        this.webrtc?.forget();
        this.restream.forget();
        return archive?.gone(reason);
      },
    });
  }

  get settings(): CameraSettings { return this.#settings; }

  /** Pictures of it are held back, as it was told. */
  get held(): boolean { return this.#held; }

  /** Null while it records, or was not told to leave. */
  get left(): { readonly seam: RecordingSeam | null } | null { return this.#left; }

  setTurn({ step, seam }: Pick<RecordingTurn, 'step' | 'seam'>): void {
    const { turn } = this.process.wants;
    if (step === turn.step) return;
    this.#held = false;
    this.#left = null;
    this.process.want({ turn: { step, seam, turn: turn.turn + 1 } });
  }

  /** Takes settings that differ in nothing that the process reads. */
  describe(settings: CameraSettings): void {
    this.#settings = settings;
    this.#archive?.describe(settings);
  }

  get status(): CameraStatus {
    const status = this.process.status;
    const sum = (of: (relay: LiveRelay) => number): number => this.#relays.reduce((total, relay) => total + of(relay), 0);
    const droppedFragments = sum(({ counters }) => counters.droppedFragments);
    const closedViewers = sum(({ counters }) => counters.closedViewers);
    const drops = { ...status.drops, ...(droppedFragments > 0 ? { viewer_behind: droppedFragments } : {}), ...(closedViewers > 0 ? { viewer_closed: closedViewers } : {}) };
    const live = { mse_viewers: sum(({ viewers }) => viewers), webrtc_viewers: this.webrtc?.viewers ?? 0, rtsp_clients: this.restream.clients };
    const { name, note } = this.#settings;
    return { ...status, name, note, drops, viewers: live.mse_viewers + live.webrtc_viewers, live };
  }

  start(): void { this.process.start(); }

  async end(why: CameraEnd): Promise<void> {
    for (const relay of this.#relays) relay.close();
    this.webrtc?.close();
    this.restream[Symbol.dispose]();
    await this.process.close();
    await this.#archive?.end(END_WORDS[why], why === 'orphaned' ? 'process_died' : 'stopped');
    // Of viewers that came meanwhile.
    for (const relay of this.#relays) relay.close();
  }

  get #relays(): readonly LiveRelay[] { return this.detectRelay ? [this.relay, this.detectRelay] : [this.relay]; }

  #repeat(): void {
    const { rtp } = this.process.wants;
    if (rtp) this.process.want({ rtp: { ...rtp, repeats: (rtp.repeats ?? 0) + 1 } });
  }

  /** What is about an earlier turn is out of date. A process that began anew cannot say where the one before it ended. */
  #takeTurn(message: TurnMessage): void {
    if (message.turn !== this.process.wants.turn.turn) return;
    if (message.type === 'held') this.#held = message.held;
    else this.#left ??= { seam: message.seam };
  }

  #take(message: Exclude<FromIngest, { type: 'status' }>): void {
    if (message.type === 'live-init' || message.type === 'live-fragment') (message.stream === 'main' ? this.relay : this.detectRelay)?.relay(message);
    else if (message.type === 'rtp-clock') this.webrtc?.setClock(message);
    else if (message.type === 'segment-opened' || message.type === 'segment-grew' || message.type === 'segment-closed' || message.type === 'recording-paused') this.#archive?.take(message);
    else if (message.type === 'held' || message.type === 'left') this.#takeTurn(message);
    else if (message.type === 'unit-format' || message.type === 'unit') this.restream.take(message);
  }
}
