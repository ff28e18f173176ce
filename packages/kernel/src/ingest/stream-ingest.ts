// One stream of a camera, read for as long as it is wanted: connects, hands each packet to its consumers, and connects anew
// with back-off when that ends. `run` is the loop; `#runOnce` is one connection and ends by throwing why.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type CameraStatus } from '@ruth/protocol';
import { RepeatedWarning, type AddressPolicy, type Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { probeFormat } from '../media/format-probe.ts';
import { MediaPacket, ticksToUs, type PacketConsumer, type StreamFormat } from '../media/media-packet.ts';
import { parameterSetsOf } from '../media/parameter-sets.ts';
import { highestSubLayer, isReference } from '../media/reference-pictures.ts';
import type { VideoCodec } from '../media/video-codec.ts';
import { ArrivalClock } from './arrival-clock.ts';
import { AudioTrack, type AudioDrop } from './audio/audio-track.ts';
import { FfmpegSource } from './ffmpeg-source.ts';
import { lastError } from './messages.ts';
import type { PacketSource, SourceAudio, SourcePacket } from './packet-source.ts';
import { RtspTcpSource } from './rtsp/rtsp-tcp-source.ts';
import { StreamClock } from './stream-clock.ts';
import type { StreamRates } from './stream-rates.ts';

/** A connection that held this long was healthy: the next failure is retried soon again. */
const HEALTHY_AFTER_MS = 10_000;
const reconnectBackOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 15_000 });
/** An answer that is no answer comes soon. */
const UNDERSTOOD_WITHIN_MS = 3000;
/** Cameras lock an account after a few wrong passwords. */
const UNAUTHORIZED_DELAY_MS = 15_000;

export interface StreamIngestOptions {
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly addresses: AddressPolicy;
  readonly audio: boolean;
  readonly firstEpoch: number;
  /** Kept up to date; cleared with each connection. */
  readonly rates: StreamRates;
  readonly consumers: readonly PacketConsumer[];
  readonly logger: Logger;
  /** State, error or format are others than before. */
  readonly onChange: () => void;
  /** FFmpeg does not return: the process must end. */
  readonly onHang: () => void;
}

export class StreamIngest {
  readonly #options: StreamIngestOptions;
  readonly #clock: StreamClock;
  readonly #arrivals = new ArrivalClock();
  #highestSubLayer = 0;
  #source: PacketSource | null = null;
  #audio: AudioTrack | null = null;
  /** Somebody waits for each picture. */
  #prompt = true;
  /** Of this connection. */
  #keyframes = 0;
  /** Of the connections before this one. */
  #lostBefore = 0;

  readonly counters = { packets: 0, keyframes: 0, bytes: 0, reconnects: 0, decode_errors: 0 };
  /** Sound that was not handed on, by cause. */
  readonly drops: Record<AudioDrop, number> = { audio_damaged: 0, audio_ahead: 0 };
  state: CameraStatus['state'] = 'connecting';
  lastError: CameraStatus['last_error'] = null;
  format: StreamFormat | null = null;

  constructor(options: StreamIngestOptions) {
    this.#options = options;
    this.#clock = new StreamClock(options.firstEpoch - 1);
  }

  get epoch(): number { return this.#clock.epoch; }
  get packetsLost(): number { return this.#lostBefore + (this.#source?.lost ?? 0); }
  /** As the camera sends it. */
  get audioCodec(): string | null { return this.#audio?.sourceCodec ?? null; }

  /** False while a sixth of a second does not matter: a camera that is only recorded then wakes its process a third as often. */
  setPrompt(prompt: boolean): void {
    this.#prompt = prompt;
    this.#setPace();
  }

  /** Returns when the signal is aborted and the connection is closed. */
  async run(signal: AbortSignal): Promise<void> {
    let wait: IBackoff<unknown> | null = null;
    const warning = new RepeatedWarning(this.#options.logger);
    this.state = 'connecting';
    while (!signal.aborted) {
      const startedMs = performance.now();
      const error = await this.#runOnce(signal).then(() => null, (cause: unknown) => RuthError.from(cause));
      if (signal.aborted || error === null) break;
      if (performance.now() - startedMs > HEALTHY_AFTER_MS) {
        wait = null;
        warning.over();
      }
      wait = wait ? wait.next(undefined) : reconnectBackOff.next();
      const waitMs = error.code === 'camera_unauthorized' ? UNAUTHORIZED_DELAY_MS : wait.duration;
      this.#fail(error, error.code === 'camera_stalled' ? 'stalled' : 'down');
      warning.warn({ code: error.code, retry_in_ms: Math.round(waitMs) }, error.message);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      this.counters.reconnects++;
    }
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    await using source = await this.#open(signal);
    this.#source = source;
    this.#keyframes = 0;
    this.#clock.restart();
    this.#arrivals.clear();
    this.#options.rates.clear();
    this.format = null;
    this.#audio = this.#openAudio(source);
    try {
      await source.run((packet) => this.#take(source, packet), (audio) => this.#takeAudio(source, audio));
    } finally {
      for (const consumer of this.#options.consumers) consumer.interrupt?.();
      this.#lostBefore += source.lost ?? 0;
      this.#source = null;
      this.#audio?.[Symbol.dispose]();
      this.#audio = null;
    }
  }

  /** Our own reader where it serves. A camera that it does not understand is not given up: FFmpeg knows more dialects. */
  async #open(signal: AbortSignal): Promise<PacketSource> {
    const { url, transport, stallTimeoutMs, audio, addresses, onHang, logger } = this.#options;
    const onNoAudio = (reason: string): void => logger.warn({ reason }, 'without sound');
    const options = { url, transport, stallTimeoutMs, audio, addresses, onNoAudio, onHang, signal };
    if (transport !== 'tcp') return FfmpegSource.open(options);
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

  /** Whatever is wrong with the sound, the video goes on. */
  #openAudio({ audio }: PacketSource): AudioTrack | null {
    if (audio === null) return null;
    try {
      return AudioTrack.open(audio, (cause) => { this.drops[cause]++; });
    } catch (cause) {
      this.#options.logger.warn({ reason: RuthError.from(cause).message }, 'without sound');
      return null;
    }
  }

  /** What stands here runs for each packet of an idle camera: it is what that camera costs. A promise only for a keyframe. */
  #take(source: PacketSource, packet: SourcePacket): Promise<void> | null {
    const { data, keyframe } = packet;
    const { rates } = this.#options;
    const epochBefore = this.#clock.epoch;
    const ptsTicks = this.#clock.stamp(packet.ptsTicks, packet.ptsTicks === null ? packet.durationTicks : 0);
    if (this.#clock.epoch !== epochBefore) {
      this.#arrivals.clear();
      rates.clear();
    }
    const ptsUs = ticksToUs(ptsTicks);
    const reference = keyframe || isReference(source.codec, data, this.#highestSubLayer);
    const media = new MediaPacket(data, ptsTicks, keyframe, this.#arrivals.at(ptsUs, packet.capturedAtUs), this.#clock.epoch, reference);
    this.counters.packets++;
    this.counters.bytes += data.length;
    rates.add(ptsUs, media);
    if (!keyframe) {
      this.#handOn(media);
      return null;
    }
    this.counters.keyframes++;
    this.#keyframes++;
    this.#setPace();
    const learning = this.#learnFormat(source, packet);
    if (learning) return learning.then(() => this.#handOn(media));
    this.#handOn(media);
    return null;
  }

  /** How the stream comes is learnt from its first pictures, as they come. */
  #setPace(): void { this.#source?.setPrompt?.(this.#prompt || this.#keyframes < 2); }

  #handOn(media: MediaPacket): void {
    // Before the first keyframe nobody can begin.
    if (this.format !== null) for (const consumer of this.#options.consumers) consumer.accept(media);
  }

  #takeAudio(source: PacketSource, audio: SourceAudio): void {
    const videoUs = this.#arrivals.originUs;
    if (this.#audio === null || this.format === null || videoUs === null) return;
    for (const packet of this.#audio.take(audio, { videoUs, sender: source.senderOrigins, epoch: this.#clock.epoch })) {
      for (const consumer of this.#options.consumers) consumer.acceptAudio?.(packet);
    }
  }

  /** The parameter sets in front of a keyframe say whether the stream is still what it was; a promise only where it is not. */
  #learnFormat(source: PacketSource, keyframe: SourcePacket): Promise<void> | null {
    const { codec } = source;
    const parameterSets = parameterSetsOf(codec, keyframe.data) ?? this.format?.parameterSets ?? source.describedParameterSets;
    if (parameterSets === null || this.format?.parameterSets.equals(parameterSets)) return null;
    return this.#begin(codec, parameterSets, keyframe);
  }

  async #begin(codec: VideoCodec, parameterSets: Buffer, keyframe: SourcePacket): Promise<void> {
    try {
      this.format = { ...await probeFormat(codec, parameterSets, keyframe.data), audio: this.#audio?.format ?? null };
    } catch (cause) {
      this.counters.decode_errors++;
      this.#fail(RuthError.from(cause), this.state);
      return;
    }
    this.#highestSubLayer = highestSubLayer(codec, parameterSets);
    for (const consumer of this.#options.consumers) consumer.begin(this.format);
    const { width, height } = this.format;
    this.#options.logger.info({ codec, width, height, audio: this.audioCodec }, 'streaming');
    this.state = 'streaming';
    this.#options.onChange();
  }

  #fail(error: RuthError, state: CameraStatus['state']): void {
    this.state = state;
    this.lastError = lastError(error);
    this.#options.onChange();
  }
}
