// Contract 2: the bytes of a frame ring, version 1. Little-endian. Numbers only: reading and writing is transport's.
//
//   0      header, 4096 bytes
//            0  magic "VASFRAME"          24 u64 slot stride in bytes       64 u64 head: frames published
//            8  u32 version               32 u64 generation                 72 u64 heartbeat, monotonic ms of the writer
//           12  u32 header size           40 u32 state (RING_STATE)         80 u32 width    84 u32 height
//           16  u32 slot count            44 u32 writer's process id        88 u32 pixel format
//           20  u32 slot header size
//   4096   slot 0: header, 128 bytes
//            0  u32 sequence, odd while written    24 i64 captured_at, us UTC    48 u32 plane count
//            4  u32 pixel format                   32 u32 width   36 u32 height  52 u32 epoch of the pts clock
//                                                                             56 u64 data size in bytes
//            8  u64 frame_id                       40 u32 colour matrix (H.273)  64 planes, 4 times
//           16  i64 pts, us                        44 u32 colour range (1 limited, 2 full)  u32 offset in slot, u32 stride
//                                                                             96 i64 published, us of CLOCK_MONOTONIC; 0 untold
//          128  pixels, each plane 64-byte aligned
//   ...    slot n-1; frame f lives in slot f mod n
//
// The writer holds an exclusive flock on the file for as long as it lives; a ring that can be locked is an orphan.

export const PIXEL_FORMATS = ['NV12', 'I420'] as const;
export type PixelFormat = (typeof PIXEL_FORMATS)[number];

export const RING_MAGIC = 'VASFRAME';
export const RING_VERSION = 1;
export const RING_HEADER_BYTES = 4096;
export const SLOT_HEADER_BYTES = 128;
export const PLANE_ALIGNMENT_BYTES = 64;
export const PAGE_BYTES = 4096;

export const RING_STATE = { creating: 0, live: 1, retired: 2 } as const;
export const PIXEL_FORMAT_CODE = { NV12: 1, I420: 2 } as const satisfies Record<PixelFormat, number>;
export const COLOUR_RANGE = { limited: 1, full: 2 } as const;
/** Matrix coefficients, code points of ITU-T H.273, which are FFmpeg's AVColorSpace as well. */
export const COLOUR_MATRIX = { bt709: 1, unspecified: 2, bt470bg: 5, smpte170m: 6, bt2020: 9 } as const;

/** Byte offsets in the ring's header. */
export const HEADER = {
  magic: 0, version: 8, headerBytes: 12, slotCount: 16, slotHeaderBytes: 20, slotStrideBytes: 24, generation: 32, state: 40, writerPid: 44,
  head: 64, heartbeatMs: 72, width: 80, height: 84, pixelFormat: 88,
} as const;

/** Byte offsets in a slot's header. */
export const SLOT = {
  sequence: 0, pixelFormat: 4, frameId: 8, ptsUs: 16, capturedAtUs: 24, width: 32, height: 36, colourMatrix: 40, colourRange: 44,
  planeCount: 48, epoch: 52, dataBytes: 56, planes: 64, publishedAtUs: 96,
} as const;

export interface PlaneLayout {
  /** From the start of the slot. */
  readonly offsetBytes: number;
  readonly strideBytes: number;
  readonly rows: number;
}

export interface RingLayout {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly slotCount: number;
  readonly slotStrideBytes: number;
  readonly totalBytes: number;
  readonly planes: readonly PlaneLayout[];
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Where everything lies in a ring of `slotCount` frames of `width` x `height` pixels. */
export function ringLayout(width: number, height: number, format: PixelFormat, slotCount: number): RingLayout {
  for (const [name, value, max] of [['width', width, 16384], ['height', height, 16384], ['slotCount', slotCount, 1024]] as const) {
    if (!Number.isInteger(value) || value < 1 || value > max) throw new RangeError(`${name} must be an integer from 1 to ${max}, not ${value}`);
  }
  const lumaStride = align(width, PLANE_ALIGNMENT_BYTES);
  const chromaRows = Math.ceil(height / 2);
  const sizes: [strideBytes: number, rows: number][] = format === 'NV12'
    ? [[lumaStride, height], [lumaStride, chromaRows]]
    : [[lumaStride, height], [align(Math.ceil(width / 2), PLANE_ALIGNMENT_BYTES), chromaRows], [align(Math.ceil(width / 2), PLANE_ALIGNMENT_BYTES), chromaRows]];
  let offsetBytes = SLOT_HEADER_BYTES;
  const planes = sizes.map(([strideBytes, rows]) => {
    const plane = { offsetBytes, strideBytes, rows };
    offsetBytes = align(offsetBytes + strideBytes * rows, PLANE_ALIGNMENT_BYTES);
    return plane;
  });
  // Page-aligned slots; the last 64 bytes are room for swscale's vector stores past a row's end.
  const slotStrideBytes = align(offsetBytes + PLANE_ALIGNMENT_BYTES, PAGE_BYTES);
  return { width, height, format, slotCount, slotStrideBytes, totalBytes: RING_HEADER_BYTES + slotStrideBytes * slotCount, planes };
}
