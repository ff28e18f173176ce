// One camera, read for as long as the process lives: connects, hands each packet to its consumers, and connects anew with
// back-off when that ends. `run` is the loop; `#runOnce` is one connection and ends by throwing why.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type CameraStatus } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { VideoCodec } from '../media/video-codec.ts';
import { FrameDecoder } from '../frames/frame-decoder.ts';
import { FramePublisher } from '../frames/frame-publisher.ts';
import { LiveFeed } from '../live/fmp4/live-feed.ts';
import { RtpFeed } from '../live/rtp/rtp-feed.ts';
import { UnitFeed } from '../live/unit-feed.ts';
import { FfmpegSource } from './ffmpeg-source.ts';
import { probeFormat } from '../media/format-probe.ts';
import { MediaPacket, ticksToUs, type PacketConsumer, type StreamFormat } from '../media/media-packet.ts';
import { lastError, type FromIngest, type IngestSettings, type IngestStatus, type Wants } from './messages.ts';
import type { PacketSource, SourcePacket } from './packet-source.ts';
import { parameterSetsOf } from '../media/parameter-sets.ts';
import { PictureGroup } from '../media/picture-group.ts';
import { RateMeter } from './rate-meter.ts';
import { RtspTcpSource } from './rtsp/rtsp-tcp-source.ts';
import { StreamClock } from './stream-clock.ts';

const STATUS_INTERVAL_MS = 1000;
/** A connection that held this long was healthy: the next failure is retried soon again. */
const HEALTHY_AFTER_MS = 10_000;
const reconnectBackOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 15_000 });
/** An answer that is no answer comes soon. */
const UNDERSTOOD_WITHIN_MS = 3000;
/** Cameras lock an account after a few wrong passwords. */
const UNAUTHORIZED_DELAY_MS = 15_000;

export interface CameraIngestOptions {
  readonly settings: IngestSettings;
  readonly logger: Logger;
  readonly send: (message: FromIngest) => Promise<void>;
  /** FFmpeg does not return: the process must end. */
  readonly onHang: () => void;
}

export class CameraIngest {
  readonly #options: CameraIngestOptions;
  readonly #clock: StreamClock;
  readonly #frameRate = new RateMeter(50);
  readonly #keyframeRate = new RateMeter(4);
  readonly #publisher: FramePublisher;
  readonly #decoder: FrameDecoder;
  readonly #group = new PictureGroup();
  readonly #live: LiveFeed;
  readonly #rtp: RtpFeed;
  readonly #units: UnitFeed;
  readonly #consumers: readonly PacketConsumer[];
  readonly #counters = { packets: 0, keyframes: 0, bytes: 0, reconnects: 0, decode_errors: 0 };
  #state: CameraStatus['state'] = 'connecting';
  #lastError: CameraStatus['last_error'] = null;
  #format: StreamFormat | null = null;

  constructor(options: CameraIngestOptions) {
    this.#options = options;
    const { cameraId, slotCount, ringDirectory, firstEpoch } = options.settings;
    this.#clock = new StreamClock(firstEpoch - 1);
    this.#publisher = new FramePublisher({ cameraId, slotCount, ringDirectory });
    this.#decoder = new FrameDecoder({ publisher: this.#publisher, frameRate: this.#frameRate, keyframeRate: this.#keyframeRate });
    this.#live = new LiveFeed({ cameraId, group: this.#group, send: options.send });
    this.#rtp = new RtpFeed({ group: this.#group, send: options.send });
    this.#units = new UnitFeed({ group: this.#group, send: options.send });
    this.#consumers = [this.#group, this.#live, this.#rtp, this.#units, this.#decoder];
  }

  want({ fps, fmp4, rtp, units }: Wants): void {
    this.#decoder.setDemand(fps);
    this.#live.setWanted(fmp4);
    this.#rtp.setTarget(rtp);
    this.#units.setWanted(units);
  }

  /** Returns when the signal is aborted and everything is closed: no ring is left behind. */
  async run(signal: AbortSignal): Promise<void> {
    const report = setInterval(() => this.#report(), STATUS_INTERVAL_MS);
    let wait: IBackoff<unknown> | null = null;
    try {
      while (!signal.aborted) {
        const startedMs = performance.now();
        const error = await this.#runOnce(signal).then(() => null, (cause: unknown) => RuthError.from(cause));
        if (signal.aborted || error === null) break;
        if (performance.now() - startedMs > HEALTHY_AFTER_MS) wait = null;
        wait = wait ? wait.next(undefined) : reconnectBackOff.next();
        const waitMs = error.code === 'camera_unauthorized' ? UNAUTHORIZED_DELAY_MS : wait.duration;
        this.#fail(error, error.code === 'camera_stalled' ? 'stalled' : 'down');
        this.#options.logger.warn({ code: error.code, retry_in_ms: Math.round(waitMs) }, error.message);
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
        this.#counters.reconnects++;
      }
    } finally {
      clearInterval(report);
      this.#rtp[Symbol.dispose]();
      await this.#live[Symbol.asyncDispose]();
      await this.#decoder[Symbol.asyncDispose]();
    }
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    await using source = await this.#open(signal);
    this.#clock.restart();
    this.#frameRate.clear();
    this.#keyframeRate.clear();
    this.#format = null;
    await source.run((packet) => this.#take(source, packet));
  }

  /** Our own reader where it serves. A camera that it does not understand is not given up: FFmpeg knows more dialects. */
  async #open(signal: AbortSignal): Promise<PacketSource> {
    const { settings, onHang, logger } = this.#options;
    const options = { ...settings, signal, onHang };
    if (settings.transport !== 'tcp' || !settings.url.startsWith('rtsp:')) return FfmpegSource.open(options);
    const startedMs = performance.now();
    try {
      return await RtspTcpSource.open(options);
    } catch (cause) {
      const error = RuthError.from(cause);
      // Who took long did not answer at all.
      if (error.code !== 'camera_protocol' || performance.now() - startedMs > UNDERSTOOD_WITHIN_MS) throw error;
      const source = await FfmpegSource.open(options).catch(() => { throw error; });
      logger.warn({ reason: error.message }, 'read by FFmpeg, as our own RTSP reader does not understand this camera');
      return source;
    }
  }

  /** What stands here runs for each packet of an idle camera: it is what that camera costs. A promise only for a keyframe. */
  #take(source: PacketSource, packet: SourcePacket): Promise<void> | null {
    const { data, keyframe } = packet;
    const ptsTicks = this.#clock.stamp(packet.ptsTicks, packet.ptsTicks === null ? packet.durationTicks : 0);
    const media = new MediaPacket(data, ptsTicks, keyframe, packet.capturedAtUs, this.#clock.epoch);
    this.#counters.packets++;
    this.#counters.bytes += data.length;
    this.#frameRate.add(ticksToUs(ptsTicks));
    if (!keyframe) {
      this.#handOn(media);
      return null;
    }
    this.#counters.keyframes++;
    this.#keyframeRate.add(ticksToUs(ptsTicks));
    const learning = this.#learnFormat(source, packet);
    if (learning) return learning.then(() => this.#handOn(media));
    this.#handOn(media);
    return null;
  }

  #handOn(media: MediaPacket): void {
    // Before the first keyframe nobody can begin.
    if (this.#format !== null) for (const consumer of this.#consumers) consumer.accept(media);
  }

  /** The parameter sets in front of a keyframe say whether the stream is still what it was; a promise only where it is not. */
  #learnFormat(source: PacketSource, keyframe: SourcePacket): Promise<void> | null {
    const { codec } = source;
    const parameterSets = parameterSetsOf(codec, keyframe.data) ?? this.#format?.parameterSets ?? source.describedParameterSets;
    if (parameterSets === null || this.#format?.parameterSets.equals(parameterSets)) return null;
    return this.#begin(codec, parameterSets, keyframe);
  }

  async #begin(codec: VideoCodec, parameterSets: Buffer, keyframe: SourcePacket): Promise<void> {
    try {
      this.#format = { ...await probeFormat(codec, parameterSets, keyframe.data), audio: null };
    } catch (cause) {
      this.#counters.decode_errors++;
      this.#fail(RuthError.from(cause), this.#state);
      return;
    }
    for (const consumer of this.#consumers) consumer.begin(this.#format);
    const { width, height } = this.#format;
    this.#options.logger.info({ codec, width, height }, 'streaming');
    this.#state = 'streaming';
    this.#report();
  }

  #fail(error: RuthError, state: CameraStatus['state']): void {
    this.#state = state;
    this.#lastError = lastError(error);
    this.#report();
  }

  #report(): void {
    this.#publisher.heartbeat();
    void this.#options.send({ type: 'status', status: this.status });
  }

  get status(): IngestStatus {
    const decoder = this.#decoder;
    const streaming = this.#state === 'streaming';
    return {
      state: this.#state,
      last_error: decoder.error ? lastError(decoder.error) : this.#lastError,
      codec: this.#format?.codec ?? null,
      width: this.#format?.width ?? null,
      height: this.#format?.height ?? null,
      fps: streaming ? this.#frameRate.perSecond : null,
      decode_level: decoder.level,
      frame_reference: this.#publisher.ringPath,
      counters: { ...this.#counters, decoded: decoder.decoded, published: this.#publisher.published, decode_errors: this.#counters.decode_errors + decoder.decodeErrors },
      drops: { ...decoder.drops, ...(this.#live.dropped > 0 ? { live_behind: this.#live.dropped } : {}), ...this.#rtp.drops, ...this.#units.drops },
      epoch: this.#clock.epoch,
      bitrate_bps: null, keyframe_interval_s: null, packets_lost: 0, audio_codec: null, decoder: null, detect: null,
      recording: { state: 'off', cause: null, bytes_written: 0, segments: 0, drops: {} },
    };
  }
}
