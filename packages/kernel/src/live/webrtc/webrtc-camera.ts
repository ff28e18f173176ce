// Live view of one camera over WebRTC: one producer for any number of viewers, made for the first and gone with the last.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type WebRtcStream } from '@ruth/protocol';
import type { RtpTarget } from '../../ingest/messages.ts';
import { CameraSource, type Branch } from './camera-source.ts';
import { Viewer } from './viewer.ts';
import type { WorkerPool } from './worker-pool.ts';

const MAX_VIEWERS = 256;
/** Nodes that take the camera for viewers of their own. */
const MAX_PIPES = 64;
const MAX_REPEATS = 4;
const REPEAT_AFTER_MS = 1200;

export interface WebRtcCameraOptions {
  readonly cameraId: string;
  readonly pool: WorkerPool;
  /** What the camera is at present; `codec` null while that is not known. */
  readonly look: () => Pick<WebRtcStream, 'width' | 'height' | 'epoch'> & { readonly codec: string | null };
  /** Where the camera's process shall send RTP, beginning with the pictures since the last keyframe; null: nowhere. */
  readonly onWanted: (target: RtpTarget | null) => void;
  /** They shall be sent again. */
  readonly onRepeat?: () => void;
  /** Where it comes from, unless from a process of this node. */
  readonly open?: () => Promise<CameraSource>;
  /** Nobody watches any more: called in place of letting the source go. */
  readonly onIdle?: () => void;
}

/** Who gets the camera's pictures: a viewer, or another node for viewers of its own. */
export interface Audience {
  /** Resolves when it is gone, with why; null where it left by itself. */
  readonly gone: Promise<RuthError | null>;
  close(reason: RuthError | null): void;
}

type OnStream = (stream: WebRtcStream) => void;

export class WebRtcCamera {
  readonly cameraId: string;
  readonly #options: WebRtcCameraOptions;
  readonly #viewers = new Map<Viewer, OnStream>();
  readonly #pipes = new Map<Audience, OnStream>();
  #joining = 0;
  #source: Promise<CameraSource> | null = null;
  #clock: { readonly offset: number; readonly epoch: number } | null = null;
  #told = '';
  #closed = false;

  constructor(options: WebRtcCameraOptions) {
    this.#options = options;
    this.cameraId = options.cameraId;
  }

  get viewers(): number { return this.#viewers.size; }

  get idle(): boolean { return this.#viewers.size === 0 && this.#pipes.size === 0 && this.#joining === 0; }

  get #audience(): Audience[] { return [...this.#viewers.keys(), ...this.#pipes.keys()]; }

  get stream(): WebRtcStream {
    const { width, height, epoch } = this.#options.look();
    return { width, height, epoch: this.#clock?.epoch ?? epoch, rtp_offset: this.#clock?.offset ?? null };
  }

  /**
   * A place for a viewer, who now connects and then calls `watch`. `payloadType`: the one that the viewer wants; `onStream` hears of changes.
   * Throws `unsupported_codec`, `overloaded`, `webrtc_unavailable`.
   */
  async join({ payloadType, onStream = () => undefined }: { payloadType?: number; onStream?: OnStream } = {}): Promise<Viewer> {
    if (this.#viewers.size + this.#joining >= MAX_VIEWERS) throw new RuthError('overloaded', `${MAX_VIEWERS} watch this camera already`);
    return this.#add(this.#viewers, onStream, async (source) => Viewer.open(await source.branch(await this.#options.pool.pick(source.place), payloadType)));
  }

  /** What `open` makes of the camera's part in mediasoup, for another node, which calls `feed` when it can take pictures. Throws as `join` does, and what `open` throws. */
  async lend<Taker extends Audience>(open: (branch: Branch) => Promise<Taker>, onStream: OnStream): Promise<Taker> {
    if (this.#pipes.size + this.#joining >= MAX_PIPES) throw new RuthError('overloaded', `${MAX_PIPES} nodes take this camera already`);
    return this.#add(this.#pipes, onStream, async (source) => open(await source.branch(source.place)));
  }

  /** Pictures flow, from those since the last keyframe on where they did not flow before. */
  async feed(): Promise<void> {
    const source = await this.#source;
    if (source?.target && !source.closed) this.#options.onWanted(source.target);
  }

  /** The pictures since the last keyframe once more, at most once a second. */
  repeat(): void { this.#options.onRepeat?.(); }

  /**
   * Pictures flow to the viewer once it is connected. `atOnce`: it has no picture of another path meanwhile and shall not wait for
   * the next keyframe; others who watch see the last seconds again for a moment. Throws `invalid_state`.
   */
  async watch(viewer: Viewer, atOnce = false): Promise<void> {
    const source = await this.#source;
    // Told only now, so that the pictures since the last keyframe, with which the camera's process begins, are not missed by the first viewer.
    if (!await viewer.watch() || !source || source.closed) return;
    if (source.target) this.#options.onWanted(source.target);
    if (!atOnce || (source.target && this.#viewers.size + this.#pipes.size === 1)) return;
    // Asked again where nothing came of it: a branch that has just been made may miss the first packets.
    for (let times = 0; times < MAX_REPEATS && viewer.open; times++) {
      this.#options.onRepeat?.();
      await delay(REPEAT_AFTER_MS, undefined, { ref: false });
      if (await viewer.packetsSent() > 0) return;
    }
  }

  /** The camera's status may be another: viewers are told, or let go where there is nothing for them any more. */
  update(): void {
    try {
      this.#requireCodec();
    } catch (error) {
      for (const one of this.#audience) one.close(error as RuthError);
    }
    const { stream } = this;
    const text = JSON.stringify(stream);
    if (text === this.#told) return;
    this.#told = text;
    for (const onStream of [...this.#viewers.values(), ...this.#pipes.values()]) onStream(stream);
  }

  /** How RTP timestamps follow from the stream's times, from the camera's process. */
  setClock({ offsetTicks, epoch }: { readonly offsetTicks: number; readonly epoch: number }): void {
    // Modulo 2^32, as RTP timestamps are.
    this.#clock = { offset: Number(BigInt.asUintN(32, BigInt(offsetTicks))), epoch };
    this.update();
  }

  /** The camera's process ended. mediasoup takes RTP from one sender only, so viewers connect anew. */
  forget(): void { void this.#source?.then((source) => source.close(), () => undefined); }

  close(): void {
    this.#closed = true;
    for (const one of this.#audience) one.close(new RuthError('shutting_down', 'the camera is no longer served'));
  }

  async #add<Taker extends Audience>(among: Map<Audience, OnStream>, onStream: OnStream, open: (source: CameraSource) => Promise<Taker>): Promise<Taker> {
    this.#requireCodec();
    this.#joining++;
    try {
      const taker = await open(await this.#open());
      among.set(taker, onStream);
      void taker.gone.then(() => {
        among.delete(taker);
        this.#closeIfIdle();
      });
      if (this.#closed) taker.close(null);
      return taker;
    } finally {
      this.#joining--;
      this.#closeIfIdle();
    }
  }

  #open(): Promise<CameraSource> {
    return this.#source ??= this.#openSource().catch((error: unknown) => {
      this.#source = null;
      throw error;
    });
  }

  async #openSource(): Promise<CameraSource> {
    const source = this.#options.open ? await this.#options.open() : await CameraSource.open(await this.#options.pool.pick());
    const opened = this.#source;
    source.onClose(() => {
      if (this.#source !== opened) return;
      this.#source = null;
      this.#clock = null;
      this.#options.onWanted(null);
      // Those on other workers would only see the picture stand still.
      for (const one of this.#audience) one.close(new RuthError('webrtc_unavailable', 'the camera\'s part in mediasoup ended; connect anew'));
    });
    return source;
  }

  #closeIfIdle(): void {
    void this.#source?.then((source) => {
      if (!this.idle) return;
      if (this.#options.onIdle) this.#options.onIdle();
      else source.close();
    }, () => undefined);
  }

  #requireCodec(): void {
    const { codec } = this.#options.look();
    if (codec !== null && codec !== 'h264') throw new RuthError('unsupported_codec', `the camera sends ${codec}; WebRTC carries H.264 alone`);
  }
}
