// The reading side of a frame ring: a read-only mapping, no copy, no lock, no sign to the writer. A reader that was
// overtaken knows it: `read` refuses the frame, or `intact()` is false afterwards.
import { closeSync } from 'node:fs';
import { DEFAULT_RING_DIRECTORY, PIXEL_FORMAT_CODE, RING_STATE, RuthError, SLOT, type PixelFormat, type RingLayout } from '@ruth/protocol/base';
import { mapFile } from './mapping.ts';
import { openRingFile, readRingHeader } from './ring-file.ts';
import { fullBarrier, ringMemory, type RingMemory, type SlotMemory } from './ring-memory.ts';

/** A frame as it lies in the ring. Its planes are views: whoever uses their pixels asks `intact()` AFTERWARDS. */
export interface RingFrame {
  readonly frameId: number;
  readonly ptsUs: number;
  readonly capturedAtUs: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly colourMatrix: number;
  readonly colourRange: number;
  readonly epoch: number;
  /** When it was published, on the clock of `process.hrtime`, which all processes of a machine share; 0 where its writer did not tell. */
  readonly publishedAtUs: number;
  /** Writing to one kills the process. */
  readonly planes: Buffer[];
  readonly strides: number[];
  /** False once the writer took the slot again, or the reader was closed: what was made of the pixels must be dropped. */
  intact(): boolean;
}

/** `retired`: this generation is over; open again. `overwritten`: gone. `not_published`: not yet there. */
export type RingRead = { status: 'frame'; frame: RingFrame } | { status: 'overwritten' } | { status: 'not_published' } | { status: 'retired' };

const OVERWRITTEN: RingRead = { status: 'overwritten' };
const NOT_PUBLISHED: RingRead = { status: 'not_published' };
const RETIRED: RingRead = { status: 'retired' };

export class RingReader implements Disposable {
  readonly generation: bigint;
  readonly layout: RingLayout;
  readonly #name: string;
  readonly #memory: RingMemory;

  private constructor(name: string, generation: bigint, layout: RingLayout, memory: RingMemory) {
    this.#name = name;
    this.generation = generation;
    this.layout = layout;
    this.#memory = memory;
  }

  /**
   * Maps the ring at `reference`, e.g. `/dev/shm/vas_frames_front`. Throws `frame_not_found` where there is none (or only a
   * retired one), `frame_unreadable` where the path may not or cannot be read, `ring_invalid` where the file is no ring.
   */
  static open(reference: string, options: { readonly ringDirectory?: string } = {}): RingReader {
    const fd = openRingFile(reference, options.ringDirectory ?? DEFAULT_RING_DIRECTORY);
    try {
      const { layout, generation, state } = readRingHeader(fd, reference);
      if (state !== RING_STATE.live) throw new RuthError('frame_not_found', `${reference} is retired: its writer is gone or makes a new one`);
      return new RingReader(reference, generation, layout, ringMemory(mapFile(fd, layout.totalBytes, 'read'), layout));
    } finally {
      closeSync(fd);
    }
  }

  /** How many frames there have been; the newest has this minus one as its id. Cheap enough to poll. */
  framesPublished(): number {
    return Number(Atomics.load(this.#memory.head, 0));
  }

  /** The frame of that id, if it is still there. Throws `ring_invalid` where the slot contradicts the ring's header. */
  read(frameId: number): RingRead {
    const { slots } = this.#memory;
    if (!this.isCurrent()) return RETIRED;
    if (!Number.isSafeInteger(frameId) || frameId < 0) throw new RuthError('bad_request', `frame_id ${frameId} is no whole number from 0`);
    const published = this.framesPublished();
    if (frameId >= published) return NOT_PUBLISHED;
    if (frameId < published - slots.length) return OVERWRITTEN;
    const slot = slots[frameId % slots.length]!;
    // SYNC: an acquire load: what is read of the slot below is at least as new as this sequence.
    const sequence = Atomics.load(slot.sequence, 0);
    if (sequence & 1) return OVERWRITTEN;
    const frame = new MappedFrame(slot, sequence, this.layout, this.#memory.strides);
    const agrees = slotAgrees(slot.header, this.layout);
    if (!frame.intact() || frame.frameId !== frameId) return this.isCurrent() ? OVERWRITTEN : RETIRED;
    if (!agrees) throw new RuthError('ring_invalid', `${this.#name}: the slot of frame ${frameId} contradicts the header of its ring`);
    return { status: 'frame', frame };
  }

  /**
   * False once this generation is over: open again. Whoever ends a generation (the writer at its end, the next writer of
   * the camera after a crash, the sweep) marks its header, so that one load answers.
   */
  isCurrent(): boolean {
    return Atomics.load(this.#memory.state, 0) === RING_STATE.live;
  }

  /** Milliseconds since the writer last showed a sign of life. */
  heartbeatAgeMs(): number {
    return Number(process.hrtime.bigint() / 1_000_000n - Atomics.load(this.#memory.heartbeatMs, 0));
  }

  /** Frees the mapping. Frames still held read zeros and are no longer intact. */
  close(): void {
    this.#memory.close();
  }

  [Symbol.dispose](): void { this.close(); }
}

class MappedFrame implements RingFrame {
  readonly frameId: number;
  readonly ptsUs: number;
  readonly capturedAtUs: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly colourMatrix: number;
  readonly colourRange: number;
  readonly epoch: number;
  readonly publishedAtUs: number;
  readonly planes: Buffer[];
  readonly strides: number[];
  readonly #slot: SlotMemory;
  readonly #sequence: number;

  constructor(slot: SlotMemory, sequence: number, layout: RingLayout, strides: number[]) {
    const { header } = slot;
    this.frameId = Number(header.getBigUint64(SLOT.frameId, true));
    this.ptsUs = Number(header.getBigInt64(SLOT.ptsUs, true));
    this.capturedAtUs = Number(header.getBigInt64(SLOT.capturedAtUs, true));
    this.width = layout.width;
    this.height = layout.height;
    this.format = layout.format;
    this.colourMatrix = header.getUint32(SLOT.colourMatrix, true);
    this.colourRange = header.getUint32(SLOT.colourRange, true);
    this.epoch = header.getUint32(SLOT.epoch, true);
    this.publishedAtUs = Number(header.getBigInt64(SLOT.publishedAtUs, true));
    this.planes = slot.planes;
    this.strides = strides;
    this.#slot = slot;
    this.#sequence = sequence;
  }

  intact(): boolean {
    // SYNC: what was read of the slot was read before this second look.
    fullBarrier();
    return Atomics.load(this.#slot.sequence, 0) === this.#sequence;
  }
}

/** What each slot says of its frame must be what the ring's header says. */
function slotAgrees(header: DataView, layout: RingLayout): boolean {
  if (header.getUint32(SLOT.width, true) !== layout.width || header.getUint32(SLOT.height, true) !== layout.height) return false;
  if (header.getUint32(SLOT.pixelFormat, true) !== PIXEL_FORMAT_CODE[layout.format] || header.getUint32(SLOT.planeCount, true) !== layout.planes.length) return false;
  return layout.planes.every((plane, index) => header.getUint32(SLOT.planes + index * 8, true) === plane.offsetBytes
    && header.getUint32(SLOT.planes + index * 8 + 4, true) === plane.strideBytes);
}
