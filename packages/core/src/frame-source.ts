// Follows one camera's ring: notices each new frame by its head, maps the ring anew when it comes, goes or is replaced.
// Polled, because nothing can wait on a mapping; a poll without news is two loads of memory.
import { RuthError } from '@ruth/protocol';
import { RingReader, type RingFrame } from '@ruth/transport';
import type { CameraFrame } from './camera-frame.ts';

/** Between attempts to map a ring that is not there. */
const REOPEN_MS = 100;
/** The same where it is there and cannot be used. */
const REOPEN_AFTER_ERROR_MS = 2000;

export interface FrameSourceOptions {
  readonly cameraId: string;
  readonly frameReference: string;
  readonly ringDirectory: string;
  onFrame(frame: CameraFrame): void;
  /** The ring is there and cannot be used; said once until it can. */
  onError(error: RuthError): void;
}

export class FrameSource implements Disposable {
  readonly #options: FrameSourceOptions;
  #reader: RingReader | null = null;
  #nextFrameId = 0;
  #openAtMs = -Infinity;
  #saidError = false;

  constructor(options: FrameSourceOptions) {
    this.#options = options;
  }

  /** Hands on every frame published since the last poll that is still there, oldest first. */
  poll(nowMs: number): void {
    if (this.#reader === null && !this.#open(nowMs)) return;
    const reader = this.#reader!;
    try {
      const published = reader.framesPublished();
      for (let frameId = Math.max(this.#nextFrameId, published - reader.layout.slotCount); frameId < published; frameId++) {
        const read = reader.read(frameId);
        if (read.status === 'frame') this.#options.onFrame(this.#cameraFrame(read.frame, reader));
      }
      this.#nextFrameId = published;
      if (!reader.isCurrent()) this.#drop(nowMs);
    } catch (cause) {
      this.#drop(nowMs);
      this.#failed(RuthError.from(cause), nowMs);
    }
  }

  [Symbol.dispose](): void {
    this.#reader?.close();
    this.#reader = null;
  }

  #open(nowMs: number): boolean {
    if (nowMs < this.#openAtMs) return false;
    try {
      this.#reader = RingReader.open(this.#options.frameReference, { ringDirectory: this.#options.ringDirectory });
    } catch (cause) {
      const error = RuthError.from(cause);
      this.#openAtMs = nowMs + REOPEN_MS;
      if (error.code !== 'frame_not_found') this.#failed(error, nowMs);
      return false;
    }
    this.#saidError = false;
    // What lies there was published for someone else, or long ago.
    this.#nextFrameId = this.#reader.framesPublished();
    return true;
  }

  #drop(nowMs: number): void {
    this.#reader?.close();
    this.#reader = null;
    this.#openAtMs = nowMs;
  }

  #failed(error: RuthError, nowMs: number): void {
    this.#openAtMs = nowMs + REOPEN_AFTER_ERROR_MS;
    if (!this.#saidError) this.#options.onError(error);
    this.#saidError = true;
  }

  #cameraFrame({ frameId, ptsUs, capturedAtUs, epoch, width, height, format }: RingFrame, reader: RingReader): CameraFrame {
    const { cameraId, frameReference } = this.#options;
    return { cameraId, frameReference, frameId, ptsUs, capturedAtUs, epoch, width, height, format, isOfCurrentRing: () => reader === this.#reader && reader.isCurrent() };
  }
}
