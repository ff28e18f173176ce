// Follows one camera's ring: notices each new frame by its head, maps the ring anew when it comes, goes or is replaced.
// Polled, because nothing can wait on a mapping; a poll without news is two loads of memory.
import { RuthError, type Box } from '@ruth/protocol';
import { RingReader, type RingFrame } from '@ruth/transport';
import type { CameraFrame } from './camera-frame.ts';
import type { Clock } from './clock.ts';
import { RingLuma } from './motion/ring-luma.ts';
import { NextFrame } from './next-frame.ts';

/** Between attempts to map a ring that is not there. */
const REOPEN_MS = 200;
/** The same where it is there and cannot be used. */
const REOPEN_AFTER_ERROR_MS = 2000;

export interface FrameSourceOptions {
  readonly cameraId: string;
  readonly frameReference: string;
  readonly ringDirectory: string;
  /** Frames per second that are asked for. */
  readonly fps: number;
  readonly clock: Clock;
  onFrame(frame: CameraFrame): void;
  /** The ring is there and cannot be used; said once until it can. */
  onError(error: RuthError): void;
}

export class FrameSource implements Disposable {
  readonly #options: FrameSourceOptions;
  #reader: RingReader | null = null;
  #nextFrameId = 0;
  readonly #next: NextFrame;
  #saidError = false;
  readonly #luma = new RingLuma();

  constructor(options: FrameSourceOptions) {
    this.#options = options;
    this.#next = new NextFrame(options.fps);
  }

  set fps(fps: number) { this.#next.fps = fps; }

  /** Hands on every frame published since the last poll that is still there, oldest first. Returns in how many milliseconds a poll is worthwhile. */
  poll(): number {
    try {
      const reader = this.#reader ??= this.#open();
      if (reader === null) return REOPEN_MS;
      const published = reader.framesPublished();
      for (let frameId = Math.max(this.#nextFrameId, published - reader.layout.slotCount); frameId < published; frameId++) {
        const read = reader.read(frameId);
        if (read.status === 'frame') this.#handOn(this.#cameraFrame(read.frame, reader));
      }
      this.#nextFrameId = published;
      if (!reader.isCurrent()) this[Symbol.dispose]();
      return this.#next.waitMs(this.#options.clock.monotonicMs());
    } catch (cause) {
      this[Symbol.dispose]();
      if (!this.#saidError) this.#options.onError(RuthError.from(cause));
      this.#saidError = true;
      return REOPEN_AFTER_ERROR_MS;
    }
  }

  /** How sharp that frame is in the box (motion/sharpness.ts); null where it is gone. */
  sharpness(frameId: number, box: Box): number | null {
    const read = this.#reader?.read(frameId);
    return read?.status === 'frame' ? this.#luma.sharpness(read.frame, box) : null;
  }

  [Symbol.dispose](): void {
    this.#reader?.close();
    this.#reader = null;
  }

  /** Null where there is no ring. */
  #open(): RingReader | null {
    try {
      const reader = RingReader.open(this.#options.frameReference, { ringDirectory: this.#options.ringDirectory });
      this.#saidError = false;
      // What lies there was published for someone else, or long ago.
      this.#nextFrameId = reader.framesPublished();
      return reader;
    } catch (cause) {
      if (RuthError.from(cause).code === 'frame_not_found') return null;
      throw cause;
    }
  }

  #handOn(frame: CameraFrame): void {
    this.#next.seen(frame, Number.isNaN(frame.publishedMs) ? this.#options.clock.monotonicMs() : frame.publishedMs);
    this.#options.onFrame(frame);
  }

  #cameraFrame(frame: RingFrame, reader: RingReader): CameraFrame {
    const { frameId, ptsUs, capturedAtUs, publishedAtUs, epoch, width, height, format } = frame;
    const { cameraId, frameReference, clock } = this.#options;
    const isOfCurrentRing = (): boolean => reader === this.#reader && reader.isCurrent();
    return {
      cameraId, frameReference, frameId, ptsUs, capturedAtUs, epoch, width, height, format,
      publishedMs: publishedAtUs === 0 ? NaN : clock.monotonicMs() - Math.max(0, Number(process.hrtime.bigint()) / 1000 - publishedAtUs) / 1000,
      lumaGrid: () => this.#luma.grid(frame), isOfCurrentRing, isStillThere: () => isOfCurrentRing() && reader.framesPublished() - frameId <= reader.layout.slotCount,
    };
  }
}
