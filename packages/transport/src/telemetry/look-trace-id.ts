// Which looks are traced, and under which ids: both follow from what a look and every event of it carry (camera, model, frame id, captured_at), so
// that core and server agree without telling one another, and what is not traced costs a few multiplications.
import { hash } from 'node:crypto';

export interface SpanId {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** A frame, as every process knows it. */
export interface TracedFrame {
  readonly cameraId: string;
  readonly frameId: number;
  /** Microseconds UTC, whole. */
  readonly capturedAtUs: number;
}

/** Whether looks at the frame are traced: of all its models, or of none, so that a cascade is whole. Allocates nothing. FNV-1a, finished as MurmurHash3 does. */
export function isTraced({ cameraId, frameId, capturedAtUs }: TracedFrame, ratio: number): boolean {
  if (ratio >= 1 || ratio <= 0) return ratio >= 1;
  let mixed = 0x811c9dc5;
  for (let index = 0; index < cameraId.length; index++) mixed = Math.imul(mixed ^ cameraId.charCodeAt(index), 0x01000193);
  mixed = Math.imul(mixed ^ frameId, 0x01000193);
  mixed = Math.imul(mixed ^ capturedAtUs, 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) < ratio * 2 ** 32;
}

/** Ids of the trace of a model's look at a frame, and of its first span. */
export function lookTraceId({ cameraId, frameId, capturedAtUs }: TracedFrame, modelId: string): SpanId {
  const digits = hash('sha256', `${cameraId}\n${modelId}\n${frameId}\n${capturedAtUs}`);
  return { traceId: digits.slice(0, 32), spanId: digits.slice(32, 48) };
}
