// A camera read by FFmpeg: RTP over UDP, and cameras that our own reader does not understand. FFmpeg goes wherever a camera sends it and
// cannot be told not to: so the camera is asked before, and what was opened is looked at after. Every wait has a limit; where FFmpeg does not return even
// after an interrupt, `onHang` is called, for then only the end of the process helps.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { Dictionary, FormatContext, Packet, type Stream } from 'node-av/lib';
import {
  AV_CODEC_ID_AAC, AV_CODEC_ID_ADPCM_G726LE, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_OPUS, AV_CODEC_ID_PCM_ALAW, AV_CODEC_ID_PCM_MULAW, AV_CODEC_ID_PCM_S16BE,
  AV_NOPTS_VALUE, AVERROR_HTTP_OTHER_4XX, AVERROR_HTTP_SERVER_ERROR, AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { isTransient, openError, readError } from './camera-errors.ts';
import type { VideoCodec } from '../media/video-codec.ts';
import { TICKS_PER_SECOND } from '../media/media-packet.ts';
import { assertStays } from './rtsp/redirect-check.ts';
import { OPEN_LIMIT_MS, type AudioCodec, type AudioDescription, type PacketSource, type SourceAudio, type SourceOptions, type SourcePacket } from './packet-source.ts';
import { parameterSetsOf } from '../media/parameter-sets.ts';

const WATCH_INTERVAL_MS = 250;
/** How long an interrupted call may take to return. */
const HANG_LIMIT_MS = 2000;
const CONNECT_PROBE_MS = 2000;
/** A camera that still puts away what it had made ready for our question answers the next one with an error, for a moment. */
const BUSY_MS = 300;
const MOST_BUSY = 3;
const AUDIO_CODECS = new Map<number, AudioCodec>([
  [AV_CODEC_ID_AAC, 'aac'], [AV_CODEC_ID_PCM_MULAW, 'pcmu'], [AV_CODEC_ID_PCM_ALAW, 'pcma'], [AV_CODEC_ID_PCM_S16BE, 'l16'], [AV_CODEC_ID_ADPCM_G726LE, 'g726'], [AV_CODEC_ID_OPUS, 'opus'],
]);

export class FfmpegSource implements PacketSource {
  readonly #context = new FormatContext();
  readonly #options: SourceOptions;
  readonly #watch: NodeJS.Timeout;
  readonly #abort = (): void => this.#interrupt('aborted');
  #reads = 0;
  /** Of `#reads`, at the last look. */
  #seenReads = 0;
  #quietSinceMs = performance.now();
  #waitLimitMs: number;
  #interrupted: { readonly atMs: number; readonly why: 'aborted' | 'silent' } | null = null;
  #stream!: Stream;
  #url = '';
  /** No other stream comes over this connection. */
  #alone = false;
  #codec!: VideoCodec;
  #audioStream: Stream | null = null;

  audio: AudioDescription | null = null;
  /** FFmpeg keeps the camera's reports to itself: it has put the times of both streams right by them. */
  readonly senderOrigins = null;
  /** FFmpeg does not tell. */
  readonly lost = null;

  private constructor(options: SourceOptions) {
    this.#options = options;
    this.#waitLimitMs = Math.max(OPEN_LIMIT_MS, options.stallTimeoutMs);
    this.#context.allocContext();
    this.#watch = setInterval(() => this.#look(), WATCH_INTERVAL_MS);
    options.signal.addEventListener('abort', this.#abort);
  }

  /**
   * Opens the camera's video. Throws `camera_unauthorized`, `camera_unreachable`, `camera_protocol`, `camera_no_video`, or
   * `cancelled` where the signal came first.
   */
  static async open(options: SourceOptions): Promise<FfmpegSource> {
    const source = new FfmpegSource(options);
    try {
      await source.#open();
      return source;
    } catch (error) {
      await source[Symbol.asyncDispose]();
      throw error;
    }
  }

  get codec(): VideoCodec { return this.#codec; }

  get describedParameterSets(): Buffer | null {
    const { extradata } = this.#stream.codecpar;
    return extradata === null ? null : parameterSetsOf(this.#codec, extradata);
  }

  async run(take: (packet: SourcePacket) => Promise<void> | null, takeAudio: (audio: SourceAudio) => void): Promise<never> {
    using packet = new Packet();
    packet.alloc();
    // FFmpeg gives the first packet no pts. It is the keyframe: it waits for the next one, which tells its time.
    let undated: SourcePacket | null = null;
    let dated = false;
    for (;;) {
      this.#reads++;
      const status = await this.#context.readFrame(packet);
      if (status >= 0 && packet.streamIndex === this.#audioStream?.index) {
        if (packet.pts !== AV_NOPTS_VALUE) takeAudio({ data: Buffer.from(packet.data!), clockTicks: Number(packet.pts), capturedAtUs: Date.now() * 1000 });
      } else if (this.#isVideo(status, packet)) {
        const picture = pictureOf(packet);
        if (picture.ptsTicks === null && !dated && undated === null) undated = picture;
        else {
          if (undated) await take({ ...undated, ptsTicks: firstTicks(picture.ptsTicks ?? 0, undated.durationTicks) });
          undated = null;
          dated = true;
          const taken = take(picture);
          if (taken) await taken;
        }
      }
      packet.unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    this.#options.signal.removeEventListener('abort', this.#abort);
    await this.#context.closeInput();
  }

  async #open(): Promise<void> {
    const { stallTimeoutMs, signal, audio } = this.#options;
    signal.throwIfAborted();
    const url = this.#url = await this.#judgedUrl();
    // Over TCP our own reader has asked already.
    const asked = this.#options.transport === 'udp';
    if (asked) await assertStays(this.#options);
    const mediaTypes = audio ? 'video+audio' : 'video';
    let status = await this.#openInput(mediaTypes);
    for (let again = 0; asked && status === AVERROR_HTTP_SERVER_ERROR && again < MOST_BUSY && !signal.aborted; again++) {
      await delay(BUSY_MS, undefined, { signal }).catch(() => undefined);
      this.#context.allocContext();
      status = await this.#openInput(mediaTypes);
    }
    if (status === AVERROR_HTTP_OTHER_4XX && audio && !signal.aborted) {
      // It may be the sound that the camera refuses.
      this.#context.allocContext();
      status = await this.#openInput('video');
    }
    if (status === AVERROR_HTTP_OTHER_4XX && !signal.aborted) {
      // A camera without video refuses to play nothing. Asked for all it has, it shows what that is.
      this.#context.allocContext();
      status = await this.#openInput('video+audio+data');
    }
    if (signal.aborted) throw new RuthError('cancelled', 'the camera is being closed');
    if (status < 0) throw await openError(status, url, CONNECT_PROBE_MS);
    if (hostOf(this.#context.url ?? '') !== hostOf(url)) throw new RuthError('camera_unreachable', `${hostOf(url)} sends elsewhere, which is not followed; give the address it leads to as that of the camera`);
    const videos = this.#context.streams.filter((stream) => stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO);
    const readable = videos.find(({ codecpar }) => codecpar.codecId === AV_CODEC_ID_H264 || codecpar.codecId === AV_CODEC_ID_HEVC);
    if (!readable) throw new RuthError('camera_no_video', videos.length === 0 ? 'the stream has no video' : 'the video is neither H.264 nor H.265');
    this.#stream = readable;
    if (audio) this.#findAudio();
    this.#alone = this.#context.nbStreams === 1;
    this.#codec = readable.codecpar.codecId === AV_CODEC_ID_H264 ? 'h264' : 'hevc';
    this.#waitLimitMs = stallTimeoutMs;
  }

  #findAudio(): void {
    const sounds = this.#context.streams.filter((stream) => stream.codecpar.codecType === AVMEDIA_TYPE_AUDIO);
    for (const stream of sounds) {
      const { codecpar: { codecId, sampleRate, channels, extradata, bitsPerCodedSample }, timeBase } = stream;
      const codec = AUDIO_CODECS.get(codecId);
      if (codec === undefined || timeBase.num !== 1 || (codec !== 'aac' && timeBase.den !== sampleRate)) continue;
      this.#audioStream = stream;
      this.audio = { codec, clockRate: timeBase.den, channels, config: extradata && Buffer.from(extradata), bitsPerSample: codec === 'g726' ? bitsPerCodedSample : null };
      return;
    }
    if (sounds.length > 0) this.#options.onNoAudio('the camera\'s sound is not understood');
  }

  async #openInput(mediaTypes: string): Promise<number> {
    const { transport, stallTimeoutMs } = this.#options;
    using options = Dictionary.fromObject({
      rtsp_transport: transport, timeout: Math.max(OPEN_LIMIT_MS, stallTimeoutMs) * 1000, allowed_media_types: mediaTypes, user_agent: 'Ruth',
      // A keyframe of a 4K camera comes in one burst: room for it in the socket.
      ...(transport === 'udp' ? { buffer_size: 4 << 20 } : {}),
    });
    return this.#context.openInput(this.#url, null, options);
  }

  /** With the address that was judged in place of a name. */
  async #judgedUrl(): Promise<string> {
    const { url, addresses } = this.#options;
    try {
      return withHost(url, await addresses.resolve(url));
    } catch (cause) {
      throw cause instanceof RuthError ? cause : new RuthError('camera_unreachable', `${new URL(url).hostname} cannot be reached: ${(cause as Error).message}`, { cause });
    }
  }

  /** Throws `camera_stalled`, `camera_unreachable`, or `cancelled` where reading ended. */
  #isVideo(status: number, packet: Packet): boolean {
    if (status >= 0) return this.#alone || packet.streamIndex === this.#stream.index;
    if (isTransient(status)) return false;
    if (this.#options.signal.aborted) throw new RuthError('cancelled', 'the camera is being closed');
    // FFmpeg's own limit on a silent socket may come before ours.
    const quietMs = performance.now() - this.#quietSinceMs;
    if (this.#interrupted || quietMs > this.#waitLimitMs * 0.9) throw new RuthError('camera_stalled', `no packet for ${this.#options.stallTimeoutMs} ms`);
    throw readError(status);
  }

  #look(): void {
    const nowMs = performance.now();
    if (this.#reads !== this.#seenReads) {
      this.#seenReads = this.#reads;
      this.#quietSinceMs = nowMs;
    }
    if (this.#interrupted === null) {
      if (nowMs - this.#quietSinceMs > this.#waitLimitMs) this.#interrupt('silent');
    } else if (nowMs - this.#interrupted.atMs > HANG_LIMIT_MS) {
      clearInterval(this.#watch);
      this.#options.onHang();
    }
  }

  #interrupt(why: 'aborted' | 'silent'): void {
    this.#interrupted ??= { atMs: performance.now(), why };
    this.#context.interrupt();
  }
}

function pictureOf(packet: Packet): SourcePacket {
  return {
    data: Buffer.from(packet.data!), ptsTicks: packet.pts === AV_NOPTS_VALUE ? null : Number(packet.pts), durationTicks: Number(packet.duration),
    keyframe: packet.isKeyframe, capturedAtUs: Date.now() * 1000,
  };
}

/** RTP's clock begins at 0 with the first packet, unless the camera's reports say otherwise; then the second one is the guide. */
function firstTicks(secondTicks: number, durationTicks: number): number {
  return Math.abs(secondTicks) < TICKS_PER_SECOND ? 0 : secondTicks - durationTicks;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '');

function withHost(url: string, address: string): string {
  const judged = new URL(url);
  judged.hostname = address.includes(':') ? `[${address}]` : address;
  return judged.href;
}
