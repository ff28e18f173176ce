// The frames of a clip, one after the other: into a ring as a camera would deliver them, or some of them as pictures.
import { createCanvas, type Canvas } from '@napi-rs/canvas';
import { Decoder, Demuxer, FilterAPI } from 'node-av/api';
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log, type Frame } from 'node-av/lib';
import { COLOUR_MATRIX, COLOUR_RANGE, RuthError, type ReplayFrame } from '@ruth/protocol';
import { RingWriter } from '@ruth/transport';

const EVEN = 'trunc(iw/2)*2:trunc(ih/2)*2';
const SLOTS = 2;

export interface ClipFrame extends ReplayFrame {
  /** 0..1 of the clip; null where its length is not known. */
  readonly progress: number | null;
}

/** Publishes each frame into a ring of its own and hands it on; the next is decoded once that is done with. `beginsAt`: UTC, seconds. Throws `bad_request` for a file that is no video. */
export async function* framesInRing(path: string, cameraId: string, ringDirectory: string, beginsAt: number): AsyncGenerator<ClipFrame> {
  let ring: RingWriter | null = null;
  let beginUs: number | null = null;
  try {
    for await (const { frame, ptsUs, durationS } of decoded(path, `scale=${EVEN}:out_range=tv:out_color_matrix=bt709,format=nv12`)) {
      const { width, height } = frame;
      ring ??= RingWriter.create({ cameraId, width, height, format: 'NV12', slotCount: SLOTS, ringDirectory });
      const { frameId, planes, strides } = ring.begin();
      for (const [plane, target] of planes.entries()) copyRows(frame.data![plane]!, frame.linesize[plane]!, target, strides[plane]!, width, plane === 0 ? height : height / 2);
      beginUs ??= ptsUs;
      const capturedAtUs = Math.round(beginsAt * 1e6 + ptsUs - beginUs);
      ring.publish({ ptsUs, capturedAtUs, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 });
      yield {
        type: 'frame', frame_reference: ring.path, frame_id: frameId, pts_us: ptsUs, captured_at_us: capturedAtUs, width, height,
        progress: durationS > 0 ? Math.min(1, (ptsUs - beginUs) / 1e6 / durationS) : null,
      };
    }
  } finally {
    ring?.close();
  }
}

/** Those frames as pictures, by their number in the clip. */
export async function picturesOf(path: string, frameIds: ReadonlySet<number>): Promise<Map<number, Canvas>> {
  const pictures = new Map<number, Canvas>();
  let frameId = 0;
  for await (const { frame } of decoded(path, `scale=${EVEN},format=rgba`)) {
    if (frameIds.has(frameId)) {
      const canvas = createCanvas(frame.width, frame.height);
      const context = canvas.getContext('2d');
      const image = context.createImageData(frame.width, frame.height);
      copyRows(frame.data![0]!, frame.linesize[0]!, Buffer.from(image.data.buffer), frame.width * 4, frame.width * 4, frame.height);
      context.putImageData(image, 0, 0);
      pictures.set(frameId, canvas);
    }
    frameId++;
    if (pictures.size === frameIds.size) break;
  }
  return pictures;
}

async function* decoded(path: string, graph: string): AsyncGenerator<{ frame: Frame; ptsUs: number; durationS: number }> {
  Log.setLevel(AV_LOG_ERROR);
  await using demuxer = await Demuxer.open(path).catch((cause: unknown) => { throw new RuthError('bad_request', `${path} cannot be read as a video: ${(cause as Error).message}`, { cause }); });
  const stream = demuxer.video();
  if (!stream) throw new RuthError('bad_request', `${path} holds no video`);
  using decoder = await Decoder.create(stream);
  using filter = FilterAPI.create(graph);
  for await (using frame of filter.frames(decoder.frames(demuxer.packets(stream.index)))) {
    if (!frame?.data) continue;
    const { num, den } = frame.timeBase.num > 0 ? frame.timeBase : stream.timeBase;
    yield { frame, ptsUs: Math.round(Number(frame.pts) * 1e6 * num / den), durationS: demuxer.duration };
  }
}

function copyRows(from: Buffer, fromStride: number, to: Buffer, toStride: number, bytes: number, rows: number): void {
  for (let row = 0; row < rows; row++) from.copy(to, row * toStride, row * fromStride, row * fromStride + bytes);
}
