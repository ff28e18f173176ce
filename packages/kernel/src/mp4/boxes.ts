// The boxes of ISO/IEC 14496-12: found in bytes, and made. Any bytes are safe to read.

export interface Box {
  readonly type: string;
  /** Of its header, in the bytes it was found in. */
  readonly start: number;
  /** First byte behind its header. */
  readonly body: number;
  readonly end: number;
}

export interface BoxHeader {
  readonly type: string;
  readonly headerBytes: number;
  /** Of the whole box; 0 where it says that it reaches to the end of the file. */
  readonly bytes: number;
}

export const MAX_HEADER_BYTES = 16;

/** Null where `data` holds no header at `at`, or one that makes no sense. */
export function boxHeader(data: Buffer, at: number): BoxHeader | null {
  if (at + 8 > data.length) return null;
  const type = data.toString('latin1', at + 4, at + 8);
  const size = data.readUInt32BE(at);
  if (size !== 1) return size === 0 || size >= 8 ? { type, headerBytes: 8, bytes: size } : null;
  if (at + MAX_HEADER_BYTES > data.length) return null;
  const large = data.readUInt32BE(at + 8) * 2 ** 32 + data.readUInt32BE(at + 12);
  return large >= MAX_HEADER_BYTES && Number.isSafeInteger(large) ? { type, headerBytes: MAX_HEADER_BYTES, bytes: large } : null;
}

/** The boxes from `at` to `end`; ends in front of one that does not fit. */
export function* boxes(data: Buffer, at = 0, end = data.length): Generator<Box> {
  while (at < end) {
    const header = boxHeader(data, at);
    if (header === null) return;
    const next = header.bytes === 0 ? end : at + header.bytes;
    if (next > end) return;
    yield { type: header.type, start: at, body: at + header.headerBytes, end: next };
    at = next;
  }
}

/** The first box of that type within a box, or among the outermost ones. */
export function child(data: Buffer, type: string, within?: Pick<Box, 'body' | 'end'>): Box | null {
  for (const box of boxes(data, within?.body, within?.end)) if (box.type === type) return box;
  return null;
}

/** Follows one type after the other inwards. */
export function descendant(data: Buffer, within: Pick<Box, 'body' | 'end'>, ...types: readonly string[]): Box | null {
  let box: Pick<Box, 'body' | 'end'> | null = within;
  for (const type of types) {
    box = child(data, type, box);
    if (box === null) return null;
  }
  return box as Box;
}

export const readUint64 = (data: Buffer, at: number): number => data.readUInt32BE(at) * 2 ** 32 + data.readUInt32BE(at + 4);

export function writeUint64(data: Buffer, value: number, at: number): number {
  data.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return data.writeUInt32BE(value % 2 ** 32, at + 4);
}
