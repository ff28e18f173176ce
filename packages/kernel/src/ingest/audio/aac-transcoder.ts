// Makes AAC of sound that MP4 does not carry. In the calling thread: a second of a camera's sound takes about a millisecond,
// less than the way to other threads and back would.
import { RuthError } from '@ruth/protocol';
import { Codec, CodecContext, Frame, Packet, Rational, SoftwareResampleContext, type ChannelLayout } from 'node-av/lib';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_ID_AAC, AV_CODEC_ID_ADPCM_G726LE, AV_CODEC_ID_OPUS, AV_CODEC_ID_PCM_ALAW, AV_CODEC_ID_PCM_MULAW, AV_CODEC_ID_PCM_S16BE,
  AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, AV_SAMPLE_FMT_FLTP, type AVCodecID,
} from 'node-av/constants';
import { ffmpegPacket, type AudioFormat } from '../../media/media-packet.ts';
import type { AudioCodec, AudioDescription } from '../packet-source.ts';

const DECODERS: Readonly<Record<Exclude<AudioCodec, 'aac'>, AVCodecID>> = {
  pcmu: AV_CODEC_ID_PCM_MULAW, pcma: AV_CODEC_ID_PCM_ALAW, l16: AV_CODEC_ID_PCM_S16BE, g726: AV_CODEC_ID_ADPCM_G726LE, opus: AV_CODEC_ID_OPUS,
};
const FRAME_SAMPLES = 1024;
const MAX_BITRATE_PER_CHANNEL = 64_000;
/** The encoder holds three frames back: at a telephone's 8 kHz that would be 0.4 s. */
const MIN_SAMPLE_RATE = 16_000;
/** A decoder that gives out more at once is not believed. */
const MAX_DECODED_SAMPLES = 1 << 16;
const FLOAT_BYTES = 4;

const layout = (channels: number): ChannelLayout => channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO;

export class AacTranscoder implements Disposable {
  readonly frameSamples = FRAME_SAMPLES;
  readonly format: AudioFormat;
  readonly #decoder: CodecContext;
  readonly #resampler: SoftwareResampleContext;
  readonly #encoder: CodecContext;
  readonly #decoded = new Frame();
  readonly #encoded = new Packet();
  readonly #channels: number;
  /** Samples that are not yet a frame, one list per channel. */
  readonly #pending: Float32Array[];
  #pendingSamples = 0;
  /** Samples given to the encoder so far. */
  #given = 0;

  private constructor(decoder: CodecContext, resampler: SoftwareResampleContext, encoder: CodecContext, sampleRate: number, channels: number) {
    this.#decoder = decoder;
    this.#resampler = resampler;
    this.#encoder = encoder;
    this.#channels = channels;
    this.#pending = Array.from({ length: channels }, () => new Float32Array(FRAME_SAMPLES));
    this.#decoded.alloc();
    this.#encoded.alloc();
    this.format = { codec: 'aac', config: encoder.extraData!, sampleRate, channels };
  }

  /** Throws `internal` where FFmpeg has no such decoder or does not take the rate. */
  static open({ codec, clockRate, channels, bitsPerSample }: AudioDescription): AacTranscoder {
    if (codec === 'aac' || channels < 1 || channels > 2) throw new RuthError('internal', `${codec} of ${channels} channels is not transcoded`);
    const sampleRate = Math.max(clockRate, MIN_SAMPLE_RATE);
    using cleanUp = new DisposableStack();
    const decoder = cleanUp.use(opened(Codec.findDecoder(DECODERS[codec]), codec, (context) => {
      context.sampleRate = clockRate;
      context.channelLayout = layout(channels);
      if (bitsPerSample !== null) context.bitsPerCodedSample = bitsPerSample;
    }));
    const resampler = cleanUp.use(new SoftwareResampleContext());
    if (resampler.allocSetOpts2(layout(channels), AV_SAMPLE_FMT_FLTP, sampleRate, layout(channels), decoder.sampleFormat, clockRate) < 0 || resampler.init() < 0) {
      throw new RuthError('internal', `FFmpeg does not convert ${codec} of ${clockRate} Hz`);
    }
    const encoder = cleanUp.use(opened(Codec.findEncoder(AV_CODEC_ID_AAC), 'AAC', (context) => {
      context.sampleRate = sampleRate;
      context.channelLayout = layout(channels);
      context.sampleFormat = AV_SAMPLE_FMT_FLTP;
      context.bitRate = BigInt(Math.min(MAX_BITRATE_PER_CHANNEL, sampleRate * 2) * channels);
      context.timeBase = new Rational(1, sampleRate);
      context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    }));
    const transcoder = new AacTranscoder(decoder, resampler, encoder, sampleRate, channels);
    cleanUp.move();
    return transcoder;
  }

  /** Frames that are whole by now, and how many samples after the beginning of `data` each begins; null where `data` is damaged. */
  take(data: Buffer): { readonly data: Buffer; readonly offsetSamples: number }[] | null {
    using packet = ffmpegPacket(data, true);
    if (this.#decoder.sendPacketSync(packet) < 0) return null;
    const beginning = this.#given + this.#pendingSamples;
    const frames: { data: Buffer; offsetSamples: number }[] = [];
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      try {
        const samples = this.#resampled();
        if (samples === null) return null;
        for (let at = 0; at < samples[0]!.length;) {
          at += this.#append(samples, at);
          if (this.#pendingSamples === FRAME_SAMPLES) this.#encode(beginning, frames);
        }
      } finally {
        this.#decoded.unref();
      }
    }
    return frames;
  }

  [Symbol.dispose](): void {
    this.#decoder.freeContext();
    this.#resampler.free();
    this.#encoder.freeContext();
    this.#decoded.free();
    this.#encoded.free();
  }

  /** What was decoded, by channel; null where it is not what was agreed. */
  #resampled(): Float32Array[] | null {
    const { nbSamples, data, channels, format } = this.#decoded;
    if (data === null || channels !== this.#channels || format !== this.#decoder.sampleFormat || nbSamples < 1 || nbSamples > MAX_DECODED_SAMPLES) return null;
    const room = this.#resampler.getOutSamples(nbSamples);
    if (room < 0) return null;
    const planes = Array.from({ length: channels }, () => Buffer.allocUnsafeSlow(room * FLOAT_BYTES));
    const written = this.#resampler.convertSync(planes, room, data, nbSamples);
    return written < 0 ? null : planes.map((plane) => new Float32Array(plane.buffer, 0, written));
  }

  #append(samples: readonly Float32Array[], at: number): number {
    const count = Math.min(FRAME_SAMPLES - this.#pendingSamples, samples[0]!.length - at);
    for (const [channel, pending] of this.#pending.entries()) pending.set(samples[channel]!.subarray(at, at + count), this.#pendingSamples);
    this.#pendingSamples += count;
    return count;
  }

  #encode(beginning: number, into: { data: Buffer; offsetSamples: number }[]): void {
    const bytes = Buffer.concat(this.#pending.map((plane) => Buffer.from(plane.buffer)));
    using frame = Frame.fromAudioBuffer(bytes, {
      nbSamples: FRAME_SAMPLES, format: AV_SAMPLE_FMT_FLTP, sampleRate: this.format.sampleRate, channelLayout: layout(this.#channels), pts: BigInt(this.#given),
    });
    this.#given += FRAME_SAMPLES;
    this.#pendingSamples = 0;
    if (this.#encoder.sendFrameSync(frame) < 0) return;
    while (this.#encoder.receivePacketSync(this.#encoded) >= 0) {
      into.push({ data: Buffer.from(this.#encoded.data!), offsetSamples: Number(this.#encoded.pts) - beginning });
      this.#encoded.unref();
    }
  }
}

function opened(codec: Codec | null, name: string, set: (context: CodecContext) => void): CodecContext {
  if (!codec) throw new RuthError('internal', `this FFmpeg has no codec for ${name}`);
  const context = new CodecContext();
  context.allocContext3(codec);
  set(context);
  if (context.open2Sync(codec, null) < 0) {
    context.freeContext();
    throw new RuthError('internal', `FFmpeg does not open ${name} so`);
  }
  return context;
}
