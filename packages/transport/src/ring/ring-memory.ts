// A mapped ring as typed views: the one place where byte offsets of the layout meet memory. Views are made once, so
// that neither publishing nor reading a frame makes any. Host byte order; Ruth runs on little-endian machines.
import { HEADER, RING_HEADER_BYTES, SLOT_HEADER_BYTES, type RingLayout } from '@ruth/protocol/base';
import type { Mapping } from './mapping.ts';

export interface SlotMemory {
  /** One element: the sequence, for Atomics. */
  readonly sequence: Int32Array;
  readonly header: DataView;
  readonly planes: Buffer[];
}

export interface RingMemory {
  readonly header: DataView;
  /** One element each, for Atomics. */
  readonly state: Int32Array;
  readonly head: BigInt64Array;
  readonly heartbeatMs: BigInt64Array;
  readonly slots: readonly SlotMemory[];
  readonly strides: number[];
  /** Every view reads zeros from then on. */
  close(): void;
}

export function ringMemory(mapping: Mapping, layout: RingLayout): RingMemory {
  const bytes = mapping.bytes;
  const slots = Array.from({ length: layout.slotCount }, (_, index): SlotMemory => {
    const start = RING_HEADER_BYTES + index * layout.slotStrideBytes;
    return {
      sequence: new Int32Array(bytes, start, 1),
      header: new DataView(bytes, start, SLOT_HEADER_BYTES),
      planes: layout.planes.map((plane) => Buffer.from(bytes, start + plane.offsetBytes, plane.strideBytes * plane.rows)),
    };
  });
  return {
    header: new DataView(bytes, 0, RING_HEADER_BYTES),
    state: new Int32Array(bytes, HEADER.state, 1),
    head: new BigInt64Array(bytes, HEADER.head, 1),
    heartbeatMs: new BigInt64Array(bytes, HEADER.heartbeatMs, 1),
    slots,
    strides: layout.planes.map((plane) => plane.strideBytes),
    close: () => mapping.close(),
  };
}

// SYNC: a read-modify-write on memory of our own is a full barrier (x86: a locked instruction; ARMv8.1: casal/swpal).
// Loads before it are done before loads after it, which an acquire load alone does not promise.
const barrier = new Int32Array(1);
export function fullBarrier(): void {
  Atomics.exchange(barrier, 0, 0);
}
