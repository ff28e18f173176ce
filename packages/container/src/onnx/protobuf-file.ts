// Walks a protobuf file field by field through a small window: what is skipped is not read, so that a file of weights costs a few
// kilobytes of memory. Any bytes at all end in an answer or in `model_invalid`, after a bounded number of steps.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { RuthError } from '@ruth/protocol/base';

export interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Of a varint; above 2^53 only roughly. A negative 64-bit number has become a large one. */
  readonly value: number;
  /** First byte of the field itself, of its payload, and the byte after it. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

export const VARINT = 0;
export const LENGTH_DELIMITED = 2;
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const WINDOW_BYTES = 64 * 1024;
const LONGEST_HEAD_BYTES = 20;
/** A model of 100 000 operations has a tenth of it. */
const MOST_FIELDS = 8_000_000;

/** Why the bytes at a place are no protobuf. */
export class ProtobufProblem extends Error {
  readonly at: number;
  /** Bytes that the file would need, where it is cut short. */
  readonly needed: number | null;
  constructor(at: number, message: string, needed: number | null = null) {
    super(message);
    this.at = at;
    this.needed = needed;
  }
}

export class ProtobufFile implements Disposable {
  readonly path: string;
  readonly size: number;
  readonly #file: number;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #windowAt = 0;
  #windowLength = 0;
  #fields = 0;

  /** Throws `model_invalid` where the file cannot be read. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'r');
    } catch (cause) {
      throw new RuthError('model_invalid', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
    }
    const stats = fstatSync(this.#file);
    this.size = stats.size;
    if (stats.isFile()) return;
    closeSync(this.#file);
    throw new RuthError('model_invalid', `${path} is no file`);
  }

  /** The fields of a message that lies between two bytes. Throws `ProtobufProblem`. */
  *fields(start = 0, end = this.size): Generator<Field> {
    for (let at = start; at < end;) {
      if (++this.#fields > MOST_FIELDS) throw new ProtobufProblem(at, `it has more than ${MOST_FIELDS} parts`);
      const field = this.#field(at);
      if (field === null) throw new ProtobufProblem(at, `what stands at byte ${at} belongs to no such file`);
      if (field.end > end) throw new ProtobufProblem(at, `the part at byte ${at} is longer than what it lies in`, end === this.size ? field.end : null);
      yield field;
      at = field.end;
    }
  }

  /** The payload, at most `limit` bytes of it. */
  bytes({ start, end }: Field, limit: number): Buffer {
    const length = Math.min(end - start, limit);
    const view = this.#view(start, length);
    return Buffer.from(view);
  }

  text(field: Field, limit = 1024): string { return this.bytes(field, limit).toString('utf8'); }

  [Symbol.dispose](): void { closeSync(this.#file); }

  #field(at: number): Field | null {
    const head = this.#view(at, LONGEST_HEAD_BYTES);
    const tag = varint(head, 0);
    if (tag === null) return null;
    const number = Math.floor(tag.value / 8);
    const wireType = tag.value % 8;
    if (number < 1) return null;
    const fixed = FIXED_BYTES[wireType];
    if (fixed !== undefined) return { number, wireType, value: 0, at, start: at + tag.end, end: at + tag.end + fixed };
    if (wireType !== VARINT && wireType !== LENGTH_DELIMITED) return null;
    const value = varint(head, tag.end);
    if (value === null) return null;
    const start = at + value.end;
    return { number, wireType, value: value.value, at, start, end: wireType === VARINT ? start : start + value.value };
  }

  /** Bytes from `at`, fewer at the end of the file. Good until the next call. */
  #view(at: number, length: number): Buffer {
    if (length > WINDOW_BYTES) {
      const own = Buffer.alloc(Math.max(0, Math.min(length, this.size - at)));
      return own.subarray(0, readSync(this.#file, own, 0, own.length, at));
    }
    if (at < this.#windowAt || at + length > this.#windowAt + this.#windowLength) {
      this.#windowAt = at;
      this.#windowLength = at >= this.size ? 0 : readSync(this.#file, this.#window, 0, WINDOW_BYTES, at);
    }
    return this.#window.subarray(at - this.#windowAt, Math.min(at - this.#windowAt + length, this.#windowLength));
  }
}

/** Up to ten bytes of seven bits each. */
export function varint(bytes: Buffer, start: number): { value: number; end: number } | null {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length && at < start + 10; at++, scale *= 128) {
    value += (bytes[at]! & 0x7f) * scale;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
  return null;
}
