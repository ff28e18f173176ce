// One picture out of fMP4 as a JPEG: decoded up to the instant, scaled, and its colours turned into those of JPEG (full
// range, BT.601). Runs in a process of its own, for decoders read bytes that nobody vouches for.
import { RuthError } from '@ruth/protocol';
import { Demuxer } from 'node-av/api';
import { Codec, CodecContext, Filter, FilterGraph, Frame, Packet, Rational } from 'node-av/lib';
import {
  AV_CODEC_FLAG_QSCALE, AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P,
  AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG, AVCOL_SPC_BT470BG, AVCOL_SPC_BT709, AVCOL_SPC_BT2020_NCL, AVCOL_SPC_SMPTE170M, FF_QP2LAMBDA,
} from 'node-av/constants';
import { TICKS_PER_SECOND } from '../../../media/media-packet.ts';
import type { PictureJob } from './picture-messages.ts';

/** Of MJPEG's scale, 2 (best) to 31; about 85 of 100 as others count. */
const QUALITY = 3;
const LARGEST_SIDE = 16_384;
const FULL_RANGE = new Set<number>([AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P]);
const MATRICES = new Set<number>([AVCOL_SPC_BT709, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT2020_NCL]);

/** Throws `stream_corrupt` where no picture comes out. */
export async function makePicture({ media, atTicks, width }: Omit<PictureJob, 'id'>): Promise<Buffer> {
  using frame = new Frame();
  frame.alloc();
  if (!await decodeUpTo(frame, Buffer.concat(media), atTicks)) throw new RuthError('stream_corrupt', 'no picture there can be decoded');
  if (frame.width < 2 || frame.height < 2 || frame.width > LARGEST_SIDE || frame.height > LARGEST_SIDE) throw new RuthError('stream_corrupt', `a picture of ${frame.width}x${frame.height} cannot be shown`);
  using scaled = await scale(frame, width);
  return await encode(scaled);
}

/** Leaves in `shown` the last picture at or before the instant; the first one where all come later. */
async function decodeUpTo(shown: Frame, media: Buffer, atTicks: number | null): Promise<boolean> {
  await using demuxer = await Demuxer.open(media, { format: 'mp4', copyTs: true, skipStreamInfo: true });
  const stream = demuxer.video();
  const decoder = stream && Codec.findDecoder(stream.codecpar.codecId);
  if (!stream || !decoder) throw new RuthError('stream_corrupt', 'there is no video of a known codec');
  using context = new CodecContext();
  context.allocContext3(decoder);
  context.parametersToContext(stream.codecpar);
  context.threadCount = 1;
  if (await context.open2(decoder, null) < 0) throw new RuthError('stream_corrupt', 'the video\'s parameter sets are damaged');
  const { num, den } = stream.timeBase;
  const limit = atTicks === null ? Infinity : atTicks * den / (num * TICKS_PER_SECOND);
  using frame = new Frame();
  frame.alloc();
  let found = false;
  /** True where the picture that is wanted is certain. */
  const receive = async (): Promise<boolean> => {
    while (await context.receiveFrame(frame) >= 0) {
      // A tick is less than rounding between the clocks may cost.
      if (found && Number(frame.pts) > limit + 1) return true;
      shown.unref();
      shown.ref(frame);
      found = true;
    }
    return false;
  };
  for await (const packet of demuxer.packets(stream.index)) {
    if (packet === null) break;
    using _ = packet;
    await context.sendPacket(packet);
    if (await receive()) return true;
  }
  await context.sendPacket(null);
  await receive();
  return found;
}

async function scale(frame: Frame, width: number | null): Promise<Frame> {
  const full = frame.colorRange === AVCOL_RANGE_JPEG || FULL_RANGE.has(frame.format);
  // What cameras leave unsaid is taken as everyone takes it: by the picture's height.
  const matrix = MATRICES.has(frame.colorSpace) ? frame.colorSpace : frame.height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  frame.colorSpace = matrix;
  frame.colorRange = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  const wanted = Math.min(width ?? frame.width, frame.width);
  using graph = new FilterGraph();
  graph.alloc();
  const source = graph.allocFilter(Filter.getByName('buffer')!, 'in');
  const sink = graph.createFilter(Filter.getByName('buffersink')!, 'out');
  const scaler = graph.createFilter(Filter.getByName('scale')!, 'scale', `w=${wanted}:h=${Math.max(1, Math.round(frame.height * wanted / frame.width))}:flags=bicubic+accurate_rnd+full_chroma_int:out_range=pc:out_color_matrix=bt601`);
  const format = graph.createFilter(Filter.getByName('format')!, 'format', 'pix_fmts=yuv420p');
  if (!source || !sink || !scaler || !format) throw new RuthError('internal', 'this FFmpeg lacks a filter');
  source.buffersrcParametersSet({ width: frame.width, height: frame.height, format: frame.format, timeBase: { num: 1, den: TICKS_PER_SECOND }, colorSpace: matrix, colorRange: frame.colorRange });
  const out = new Frame();
  out.alloc();
  const failed = source.initStr(null) < 0 || source.link(0, scaler, 0) < 0 || scaler.link(0, format, 0) < 0 || format.link(0, sink, 0) < 0 || await graph.config() < 0
    || await source.buffersrcAddFrame(frame) < 0 || await source.buffersrcAddFrame(null) < 0 || await sink.buffersinkGetFrame(out) < 0;
  if (!failed) return out;
  out.free();
  throw new RuthError('internal', 'the picture cannot be scaled');
}

async function encode(frame: Frame): Promise<Buffer> {
  const encoder = Codec.findEncoder(AV_CODEC_ID_MJPEG);
  if (!encoder) throw new RuthError('internal', 'this FFmpeg has no JPEG encoder');
  using context = new CodecContext();
  context.allocContext3(encoder);
  context.width = frame.width;
  context.height = frame.height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.colorRange = AVCOL_RANGE_JPEG;
  context.colorSpace = AVCOL_SPC_BT470BG;
  context.timeBase = new Rational(1, 25);
  context.threadCount = 1;
  context.setFlags(AV_CODEC_FLAG_QSCALE);
  context.globalQuality = QUALITY * FF_QP2LAMBDA;
  frame.quality = QUALITY * FF_QP2LAMBDA;
  frame.pts = 0n;
  using packet = new Packet();
  packet.alloc();
  const failed = await context.open2(encoder, null) < 0 || await context.sendFrame(frame) < 0 || await context.sendFrame(null) < 0 || await context.receivePacket(packet) < 0;
  if (failed || packet.data === null) throw new RuthError('internal', 'the picture cannot be encoded');
  return Buffer.from(packet.data);
}
