// The writing side of a frame ring. Only the kernel has one. It never waits for a reader, and a frame is seen by
// readers whole or not at all.
import { randomBytes } from 'node:crypto';
import { closeSync, renameSync } from 'node:fs';
import {
  DEFAULT_RING_DIRECTORY, HEADER, PIXEL_FORMAT_CODE, RING_HEADER_BYTES, RING_MAGIC, RING_STATE, RING_VERSION, ringLayout, ringPath, RuthError, SLOT,
  SLOT_HEADER_BYTES, type PixelFormat, type RingLayout,
} from '@ruth/protocol/base';
import { mapFile } from './mapping.ts';
import { createUnfinishedFile, isSameFile, openExistingRing, retireRingFile, unlinkIfThere } from './ring-file.ts';
import { fullBarrier, ringMemory, type RingMemory, type SlotMemory } from './ring-memory.ts';

export interface RingOptions {
  readonly cameraId: string;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly slotCount: number;
  /** `/dev/shm` unless told. */
  readonly ringDirectory?: string;
}

/** A slot to be filled: one Buffer per plane, straight into the mapping; row y of plane p begins at `y * strides[p]`. */
export interface SlotWrite {
  readonly frameId: number;
  readonly planes: Buffer[];
  readonly strides: number[];
}

export interface FrameMetadata {
  /** Stream clock, whole microseconds. */
  readonly ptsUs: number;
  /** Node's wall clock, whole microseconds UTC. */
  readonly capturedAtUs: number;
  /** Code points as in protocol's COLOUR_MATRIX and COLOUR_RANGE. */
  readonly colourMatrix: number;
  readonly colourRange: number;
  /** Grows when the stream clock begins anew. */
  readonly epoch: number;
}

export class RingWriter implements Disposable {
  readonly path: string;
  readonly generation: bigint;
  readonly layout: RingLayout;
  readonly #fd: number;
  readonly #memory: RingMemory;
  #published = 0;
  #begun: SlotMemory | null = null;
  #closed = false;

  private constructor(path: string, generation: bigint, layout: RingLayout, fd: number, memory: RingMemory) {
    this.path = path;
    this.generation = generation;
    this.layout = layout;
    this.#fd = fd;
    this.#memory = memory;
  }

  /**
   * Makes `<ringDirectory>/vas_frames_<cameraId>`, in place of an older generation if there is one; its readers learn
   * that it is retired. Throws `no_space` with the bytes needed and free, `invalid_config` without a directory, `invalid_id`, RangeError for impossible sizes.
   */
  static create(options: RingOptions): RingWriter {
    const path = ringPath(options.cameraId, options.ringDirectory ?? DEFAULT_RING_DIRECTORY);
    const layout = ringLayout(options.width, options.height, options.format, options.slotCount);
    const generation = randomBytes(8).readBigUInt64LE() >> 2n;
    const unfinished = createUnfinishedFile(path, layout.totalBytes);
    let memory: RingMemory | null = null;
    try {
      memory = ringMemory(mapFile(unfinished.fd, layout.totalBytes, 'read-write'), layout);
      writeHeaders(memory, layout, generation);
      const older = openExistingRing(path);
      if (older !== null) {
        retireRingFile(older);
        closeSync(older);
      }
      renameSync(unfinished.path, path);
    } catch (error) {
      memory?.close();
      closeSync(unfinished.fd);
      unlinkIfThere(unfinished.path);
      throw error;
    }
    return new RingWriter(path, generation, layout, unfinished.fd, memory);
  }

  get framesPublished(): number { return this.#published; }

  /** Takes the oldest slot; from here on readers refuse what was in it. Throws `invalid_state` if one is begun already. */
  begin(): SlotWrite {
    if (this.#closed || this.#begun) throw new RuthError('invalid_state', this.#closed ? `${this.path} is closed` : `${this.path}: a frame is begun already`);
    const slot = this.#memory.slots[this.#published % this.layout.slotCount]!;
    // Odd already where the frame before was abandoned.
    // SYNC: pixels must not become visible before the odd sequence: a full barrier between them.
    Atomics.store(slot.sequence, 0, Atomics.load(slot.sequence, 0) | 1);
    fullBarrier();
    this.#begun = slot;
    return { frameId: this.#published, planes: slot.planes, strides: this.#memory.strides };
  }

  /** Shows the begun frame to readers and returns its id. Throws `invalid_state` if none is begun, RangeError for a fraction of a microsecond. */
  publish(metadata: FrameMetadata): number {
    const slot = this.#begun;
    if (!slot) throw new RuthError('invalid_state', `${this.path}: no frame is begun`);
    const frameId = this.#published;
    const { header } = slot;
    header.setBigInt64(SLOT.ptsUs, BigInt(metadata.ptsUs), true);
    header.setBigInt64(SLOT.capturedAtUs, BigInt(metadata.capturedAtUs), true);
    header.setBigUint64(SLOT.frameId, BigInt(frameId), true);
    header.setUint32(SLOT.colourMatrix, metadata.colourMatrix, true);
    header.setUint32(SLOT.colourRange, metadata.colourRange, true);
    header.setUint32(SLOT.epoch, metadata.epoch, true);
    header.setBigInt64(SLOT.publishedAtUs, process.hrtime.bigint() / 1000n, true);
    this.#begun = null;
    this.#published = frameId + 1;
    // SYNC: everything of the frame is visible before the even sequence, and that before the head. Each store is
    // sequentially consistent (x86: xchg, which drains streaming stores of swscale as well).
    Atomics.store(slot.sequence, 0, (Atomics.load(slot.sequence, 0) + 1) | 0);
    Atomics.store(this.#memory.head, 0, BigInt(frameId + 1));
    return frameId;
  }

  /** Gives up the begun frame. Its slot stays refused to readers until the next frame, which takes the same id, is whole. */
  abandon(): void {
    this.#begun = null;
  }

  /** Tells readers that the writer lives. */
  heartbeat(): void {
    Atomics.store(this.#memory.heartbeatMs, 0, process.hrtime.bigint() / 1_000_000n);
  }

  /** Retires the ring, removes its file unless a newer generation took its place, and frees the memory. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#begun = null;
    Atomics.store(this.#memory.state, 0, RING_STATE.retired);
    if (isSameFile(this.path, this.#fd)) unlinkIfThere(this.path);
    this.#memory.close();
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void { this.close(); }
}

function writeHeaders(memory: RingMemory, layout: RingLayout, generation: bigint): void {
  const { header } = memory;
  const format = PIXEL_FORMAT_CODE[layout.format];
  for (const [index, character] of [...RING_MAGIC].entries()) header.setUint8(HEADER.magic + index, character.charCodeAt(0));
  header.setUint32(HEADER.version, RING_VERSION, true);
  header.setUint32(HEADER.headerBytes, RING_HEADER_BYTES, true);
  header.setUint32(HEADER.slotCount, layout.slotCount, true);
  header.setUint32(HEADER.slotHeaderBytes, SLOT_HEADER_BYTES, true);
  header.setBigUint64(HEADER.slotStrideBytes, BigInt(layout.slotStrideBytes), true);
  header.setBigUint64(HEADER.generation, generation, true);
  header.setUint32(HEADER.writerPid, process.pid, true);
  header.setBigInt64(HEADER.heartbeatMs, process.hrtime.bigint() / 1_000_000n, true);
  header.setUint32(HEADER.width, layout.width, true);
  header.setUint32(HEADER.height, layout.height, true);
  header.setUint32(HEADER.pixelFormat, format, true);
  const dataBytes = layout.planes.reduce((sum, plane) => sum + plane.strideBytes * plane.rows, 0);
  for (const slot of memory.slots) {
    slot.header.setUint32(SLOT.pixelFormat, format, true);
    slot.header.setUint32(SLOT.width, layout.width, true);
    slot.header.setUint32(SLOT.height, layout.height, true);
    slot.header.setUint32(SLOT.planeCount, layout.planes.length, true);
    slot.header.setBigUint64(SLOT.dataBytes, BigInt(dataBytes), true);
    for (const [index, plane] of layout.planes.entries()) {
      slot.header.setUint32(SLOT.planes + index * 8, plane.offsetBytes, true);
      slot.header.setUint32(SLOT.planes + index * 8 + 4, plane.strideBytes, true);
    }
  }
  Atomics.store(memory.state, 0, RING_STATE.live);
}
