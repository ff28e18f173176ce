// A photo of the user's in place of made-up pictures, for models that see nothing in those: decoded once, drawn into
// frames of any size, whole, mirrored, or its middle alone.
import { Decoder, Demuxer, FilterAPI } from 'node-av/api';
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { RuthError, type PixelFormat } from '@ruth/protocol';

interface Plane { readonly bytes: Buffer; readonly stride: number }

/** 4:2:0, BT.709, limited range. */
export interface Photo {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly [luma: Plane, blue: Plane, red: Plane];
}

/** Part of the photo that a picture shows, as shares of it: from left to right, from top to bottom. Mirrored where right is less than left. */
export type View = readonly [left: number, top: number, right: number, bottom: number];

export const VIEWS: readonly View[] = [[0, 0, 1, 1], [1, 0, 0, 1], [0.25, 0.25, 0.75, 0.75]];

const MAX_WIDTH = 1280;

/** Throws `bad_request` where the file holds no picture. */
export async function readPhoto(path: string): Promise<Photo> {
  // Old names of JPEG's colours are no trouble here.
  Log.setLevel(AV_LOG_ERROR);
  try {
    await using demuxer = await Demuxer.open(path);
    const stream = demuxer.video();
    if (!stream) throw new Error('it holds no picture');
    using decoder = await Decoder.create(stream);
    using filter = FilterAPI.create(`scale=w='min(iw,${MAX_WIDTH})':h=-2:out_range=tv:out_color_matrix=bt709,format=yuv420p`);
    for await (using frame of filter.frames(decoder.frames(demuxer.packets(stream.index)))) {
      if (!frame?.data) continue;
      const planes = frame.data.slice(0, 3).map((plane, index): Plane => ({ bytes: Buffer.from(plane), stride: frame.linesize[index]! }));
      return { width: frame.width, height: frame.height, planes: planes as [Plane, Plane, Plane] };
    }
    throw new Error('it holds no whole picture');
  } catch (cause) {
    throw new RuthError('bad_request', `${path} cannot be read as a picture: ${(cause as Error).message}`, { cause });
  }
}

/** Fills a frame: the view as large as it fits, in the middle of black. */
export function drawPhoto(photo: Photo, view: View, format: PixelFormat, width: number, height: number, planes: readonly Buffer[], strides: readonly number[]): void {
  const [luma, blue, red] = photo.planes;
  const chroma = [Math.ceil(width / 2), Math.ceil(height / 2)] as const;
  drawPlane(photo, luma, 1, view, { bytes: planes[0]!, stride: strides[0]! }, width, height, 1, 0, 16);
  for (const [index, plane] of [blue, red].entries()) {
    const [target, step, offset] = format === 'NV12' ? [1, 2, index] : [1 + index, 1, 0];
    drawPlane(photo, plane, 2, view, { bytes: planes[target]!, stride: strides[target]! }, ...chroma, step, offset, 128);
  }
}

/** Nearest neighbour: good enough, and the same in every size of frame. */
function drawPlane(photo: Photo, from: Plane, subsampling: number, [left, top, right, bottom]: View, to: Plane, width: number, height: number, step: number, offset: number, ground: number): void {
  const [across, down] = [(right - left) * photo.width, (bottom - top) * photo.height].map((size) => size / subsampling) as [number, number];
  const scale = Math.min(width / Math.abs(across), height / Math.abs(down));
  const columns = Array.from({ length: width }, (_, x) => {
    const share = (x + 0.5 - (width - Math.abs(across) * scale) / 2) / (Math.abs(across) * scale);
    return share < 0 || share >= 1 ? -1 : Math.floor((left * photo.width) / subsampling + across * share);
  });
  for (let y = 0; y < height; y++) {
    const share = (y + 0.5 - (height - down * scale) / 2) / (down * scale);
    const row = Math.floor((top * photo.height) / subsampling + down * share) * from.stride;
    for (let x = 0; x < width; x++) {
      to.bytes[y * to.stride + x * step + offset] = share < 0 || share >= 1 || columns[x]! < 0 ? ground : from.bytes[row + columns[x]!]!;
    }
  }
}
