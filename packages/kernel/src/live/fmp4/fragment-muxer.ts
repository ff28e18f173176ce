// Turns packets into fMP4 as they are: an init segment, then one fragment per picture. Media time 0 is the first decode time.
import { RuthError } from '@ruth/protocol';
import { CodecParameters, Dictionary, FormatContext, IOContext, Rational } from 'node-av/lib';
import { AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { ffmpegPacket, TICKS_PER_SECOND, type MediaPacket, type StreamFormat } from '../../media/media-packet.ts';
import { DecodeTimes } from '../../media/decode-times.ts';

export interface Fragment {
  readonly data: Buffer;
  /** Whether a player can begin here. */
  readonly keyframe: boolean;
}

const IO_BUFFER_BYTES = 64 << 10;
const USUAL_DURATION_TICKS = TICKS_PER_SECOND / 25;

export class FragmentMuxer implements AsyncDisposable {
  readonly originTicks: number;
  readonly initSegment: Buffer;
  readonly #context: FormatContext;
  readonly #io: IOContext;
  readonly #written: Buffer[];
  readonly #times: DecodeTimes;
  /** Whether the picture that is written but not yet out is a keyframe. */
  #pendingKeyframe = false;

  private constructor(context: FormatContext, io: IOContext, written: Buffer[], format: StreamFormat, originTicks: number) {
    this.#context = context;
    this.#io = io;
    this.#written = written;
    this.#times = new DecodeTimes(format.reorderDepth);
    this.originTicks = originTicks;
    this.initSegment = this.#take();
  }

  /** `first` is the keyframe that will be written first. Throws `stream_corrupt` where the format makes no MP4. */
  static async open(format: StreamFormat, firstPtsTicks: number): Promise<FragmentMuxer> {
    const context = new FormatContext();
    const io = new IOContext();
    const written: Buffer[] = [];
    context.allocOutputContext2(null, 'mp4', null);
    const stream = context.newStream();
    using parameters = new CodecParameters();
    parameters.alloc();
    parameters.codecType = AVMEDIA_TYPE_VIDEO;
    parameters.codecId = format.codec === 'h264' ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC;
    parameters.codecTag = format.codec === 'h264' ? 'avc1' : 'hvc1';
    parameters.width = format.width;
    parameters.height = format.height;
    parameters.extradata = format.parameterSets;
    parameters.copy(stream.codecpar);
    stream.timeBase = new Rational(1, TICKS_PER_SECOND);
    io.allocContextWithCallbacks(IO_BUFFER_BYTES, 1, null, (bytes) => {
      written.push(Buffer.from(bytes));
      return bytes.length;
    });
    context.pb = io;
    using options = Dictionary.fromObject({ movflags: 'empty_moov+default_base_moof+frag_every_frame', video_track_timescale: TICKS_PER_SECOND });
    const status = await context.writeHeader(options);
    if (status < 0) {
      context.freeContext();
      throw new RuthError('stream_corrupt', 'the parameter sets of the stream make no MP4');
    }
    const firstDecodeTicks = new DecodeTimes(format.reorderDepth).next(firstPtsTicks, USUAL_DURATION_TICKS);
    return new FragmentMuxer(context, io, written, format, firstDecodeTicks);
  }

  /** Returns the fragment of the picture before, whose duration is known only now. */
  async write({ data, ptsTicks, keyframe }: MediaPacket): Promise<Fragment | null> {
    using packet = ffmpegPacket(data, keyframe);
    const decodeTicks = this.#times.next(ptsTicks, USUAL_DURATION_TICKS);
    packet.streamIndex = 0;
    packet.pts = BigInt(Math.max(ptsTicks, decodeTicks) - this.originTicks);
    packet.dts = BigInt(decodeTicks - this.originTicks);
    await this.#context.writeFrame(packet);
    const fragment = { data: this.#take(), keyframe: this.#pendingKeyframe };
    this.#pendingKeyframe = keyframe;
    return fragment.data.length > 0 ? fragment : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.writeTrailer();
    this.#context.pb = null;
    this.#io.freeContext();
    this.#context.freeContext();
  }

  #take(): Buffer { return Buffer.concat(this.#written.splice(0)); }
}
