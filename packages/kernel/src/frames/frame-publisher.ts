// Puts decoded pictures into the camera's ring as NV12, converting straight into the slot. Makes the ring when the first
// picture comes and anew when the size changes.
import { COLOUR_MATRIX, COLOUR_RANGE, RuthError } from '@ruth/protocol';
import { RingWriter } from '@ruth/transport';
import { SoftwareScaleContext, type Frame } from 'node-av/lib';
import {
  AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P,
  AVCOL_RANGE_JPEG, AVCOL_SPC_BT470BG, AVCOL_SPC_BT709, AVCOL_SPC_BT2020_NCL, AVCOL_SPC_SMPTE170M, SWS_BILINEAR, type AVPixelFormat,
} from 'node-av/constants';

export interface FrameTimes {
  readonly ptsUs: number;
  readonly capturedAtUs: number;
  readonly epoch: number;
}

export interface PublisherOptions {
  readonly cameraId: string;
  readonly slotCount: number;
  readonly ringDirectory: string;
}

const RETRY_RING_MS = 2000;
const LARGEST_SIDE = 16_384;

// Full-range names of the same layouts. By these names swscale would squeeze the range, but the range travels with the frame.
const LAYOUT_OF = new Map<number, AVPixelFormat>([
  [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P], [AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P], [AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P],
]);
const KNOWN_MATRICES = new Set<number>([AVCOL_SPC_BT709, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT2020_NCL]);

export class FramePublisher {
  readonly #options: PublisherOptions;
  #ring: RingWriter | null = null;
  #scaler: { readonly context: SoftwareScaleContext; readonly key: string } | null = null;
  #retryAtMs = 0;
  #published = 0;
  #error: RuthError | null = null;

  constructor(options: PublisherOptions) { this.#options = options; }

  get published(): number { return this.#published; }
  get ringPath(): string | null { return this.#ring?.path ?? null; }
  /** Why there is no ring, while there is none for a reason. */
  get error(): RuthError | null { return this.#error; }

  heartbeat(): void { this.#ring?.heartbeat(); }

  /** Publishes one picture. Returns the cause where it could not be. */
  publish(frame: Frame, times: FrameTimes): 'published' | 'no_space' | 'unsupported_format' {
    const { width, height } = frame;
    const { data, linesize } = frame;
    const format = frame.format as AVPixelFormat;
    // A picture that is not what the scaler and the slot were made for would be written past their ends.
    if (data === null || width < 2 || height < 2 || width > LARGEST_SIDE || height > LARGEST_SIDE) return 'unsupported_format';
    const ring = this.#ringFor(width, height);
    if (ring === null) return 'no_space';
    const scaler = this.#scalerFor(width, height, format);
    if (scaler === null) return 'unsupported_format';
    const slot = ring.begin();
    try {
      // 0.25 ms for 1080p. The way to another thread and back would cost as much again.
      const rows = scaler.scaleSync(data.slice(0, 4), linesize.slice(0, data.length), 0, height, slot.planes, slot.strides);
      if (rows !== height) throw new RuthError('internal', `swscale wrote ${rows} of ${height} rows`);
    } catch {
      ring.abandon();
      return 'unsupported_format';
    } finally {
      detach(data);
    }
    ring.publish({ ...times, colourMatrix: matrixOf(frame, height), colourRange: rangeOf(frame) });
    this.#published++;
    return 'published';
  }

  /** Gives the shared memory back. The next picture makes a new ring. */
  release(): void {
    this.#ring?.close();
    this.#ring = null;
    this.#scaler?.context.freeContext();
    this.#scaler = null;
    this.#error = null;
    this.#retryAtMs = 0;
  }

  #ringFor(width: number, height: number): RingWriter | null {
    if (this.#ring && this.#ring.layout.width === width && this.#ring.layout.height === height) return this.#ring;
    if (performance.now() < this.#retryAtMs) return null;
    // Its room may be what the new one needs.
    this.#ring?.close();
    this.#ring = null;
    try {
      this.#ring = RingWriter.create({ ...this.#options, width, height, format: 'NV12' });
      this.#error = null;
    } catch (cause) {
      this.#error = RuthError.from(cause);
      this.#retryAtMs = performance.now() + RETRY_RING_MS;
    }
    return this.#ring;
  }

  #scalerFor(width: number, height: number, format: AVPixelFormat): SoftwareScaleContext | null {
    const key = `${width}x${height} ${format}`;
    if (this.#scaler?.key === key) return this.#scaler.context;
    this.#scaler?.context.freeContext();
    this.#scaler = null;
    const context = new SoftwareScaleContext();
    try {
      context.getContext(width, height, LAYOUT_OF.get(format) ?? format, width, height, AV_PIX_FMT_NV12, SWS_BILINEAR);
    } catch {
      return null;
    }
    this.#scaler = { context, key };
    return context;
  }
}

/** What cameras leave unsaid is taken as everyone takes it: by the picture's height. */
function matrixOf(frame: Frame, height: number): number {
  if (KNOWN_MATRICES.has(frame.colorSpace)) return frame.colorSpace;
  return height >= 720 ? COLOUR_MATRIX.bt709 : COLOUR_MATRIX.smpte170m;
}

function rangeOf(frame: Frame): number {
  return LAYOUT_OF.has(frame.format) || frame.colorRange === AVCOL_RANGE_JPEG ? COLOUR_RANGE.full : COLOUR_RANGE.limited;
}

/**
 * Takes the decoder's memory away from the views of it. Nobody can reach it once the frame has gone, and V8 need not
 * collect garbage every few frames because it believes that each view holds megabytes of its own.
 */
function detach(planes: readonly Buffer[]): void {
  for (const plane of planes) (plane.buffer as ArrayBuffer).transfer(0);
}
