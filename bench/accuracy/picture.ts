// A picture file as a frame that a camera would deliver: NV12, with its matrix and range said.
import {
  AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P,
  AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG, AVCOL_SPC_BT470BG, AVCOL_SPC_BT709, Decoder, Demuxer, Frame, SoftwareScaleContext, SWS_ACCURATE_RND, SWS_BICUBIC,
} from 'node-av';
import type { AVPixelFormat } from 'node-av';
import { COLOUR_MATRIX, COLOUR_RANGE } from '@ruth/protocol';

export const COLOURS = {
  'bt601-full': { colourMatrix: COLOUR_MATRIX.bt470bg, colourRange: COLOUR_RANGE.full, space: AVCOL_SPC_BT470BG, range: AVCOL_RANGE_JPEG },
  'bt601-limited': { colourMatrix: COLOUR_MATRIX.bt470bg, colourRange: COLOUR_RANGE.limited, space: AVCOL_SPC_BT470BG, range: AVCOL_RANGE_MPEG },
  'bt709-full': { colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.full, space: AVCOL_SPC_BT709, range: AVCOL_RANGE_JPEG },
  'bt709-limited': { colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, space: AVCOL_SPC_BT709, range: AVCOL_RANGE_MPEG },
} as const;
export type Colour = keyof typeof COLOURS;

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly colourMatrix: number;
  readonly colourRange: number;
  /** Luma, then chroma, interleaved. */
  readonly planes: readonly [Buffer, Buffer];
  readonly strides: readonly [number, number];
}

/** FFmpeg's old names for "of full range", which its scaler warns of. */
const PLAIN_FORMATS = new Map<AVPixelFormat, AVPixelFormat>([
  [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P], [AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P], [AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P],
]);

/** Decodes the first picture of a file and converts it to NV12 in the colour named. */
export async function readPicture(path: string, colour: Colour): Promise<Picture> {
  using decoded = await decodeFirst(path);
  const { colourMatrix, colourRange, space, range } = COLOURS[colour];
  // A JPEG is BT.601 of full range by definition (JFIF).
  const format = decoded.format as AVPixelFormat;
  Object.assign(decoded, { format: PLAIN_FORMATS.get(format) ?? format, colorSpace: AVCOL_SPC_BT470BG, colorRange: AVCOL_RANGE_JPEG });
  const { width, height } = decoded;
  using nv12 = new Frame();
  nv12.alloc();
  Object.assign(nv12, { format: AV_PIX_FMT_NV12, width, height, colorSpace: space, colorRange: range });
  nv12.allocBuffer();
  using context = new SoftwareScaleContext();
  context.allocContext();
  context.setOption('sws_flags', SWS_BICUBIC | SWS_ACCURATE_RND);
  const result = context.scaleFrameSync(nv12, decoded);
  if (result < 0) throw new Error(`${path} cannot be converted to NV12 (error ${result})`);
  const [luma, chroma] = nv12.data!.map((plane) => Buffer.from(plane)) as [Buffer, Buffer];
  return { width, height, colourMatrix, colourRange, planes: [luma, chroma], strides: [nv12.linesize[0]!, nv12.linesize[1]!] };
}

async function decodeFirst(path: string): Promise<Frame> {
  await using input = await Demuxer.open(path);
  const stream = input.video();
  if (!stream) throw new Error(`${path} holds no picture`);
  using decoder = await Decoder.create(stream);
  for await (const frame of decoder.frames(input.packets(stream.index))) {
    if (frame) return frame;
  }
  throw new Error(`${path} cannot be decoded`);
}
