// The newest events of a process as bytes in one piece of memory: its own, or a file in shared memory that outlives it however
// it ends. Nothing of an event stays on the heap. One writer; a record is there whole or not at all.
//
//   0     header, 64 bytes: magic "VASEVENT", u32 version, u32 -, u64 capacity, u64 tail, u64 head
//   64    records one after another, 8-byte aligned: u32 bytes of text (or WRAP: go on at the beginning), u32 -, f64 id, text
//
// Tail and head count every byte ever written; a position in the file is that modulo capacity. A record that is to be
// overwritten is let go (tail) before it is touched, and a new one is counted (head) once it is whole.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { RuthError } from '@ruth/protocol/base';
import { allocateFile, lockFile, mapFile, type Mapping } from '../ring/mapping.ts';

const MAGIC = 'VASEVENT';
const VERSION = 1;
const HEADER_BYTES = 64;
const RECORD_HEADER_BYTES = 16;
const WRAP = 0xffff_ffff;
const AT = { version: 8, capacity: 16, tail: 24, head: 32 } as const;
const FILE_MODE = 0o600;

export class EventStore implements Disposable {
  readonly #bytes: Buffer;
  readonly #capacity: number;
  readonly #counters: BigInt64Array;
  /** Where each event begins, by id modulo its length. */
  readonly #offsets: Float64Array;
  readonly #close: () => void;
  #tail = 0;
  #head = 0;
  #oldestId = 0;
  /** One above the newest; equal to the oldest where the store is empty. */
  #nextId = 0;

  private constructor(memory: ArrayBuffer, maxEvents: number, close: () => void) {
    this.#bytes = Buffer.from(memory);
    this.#capacity = memory.byteLength - HEADER_BYTES;
    this.#counters = new BigInt64Array(memory, AT.tail, 2);
    this.#offsets = new Float64Array(maxEvents);
    this.#close = close;
  }

  static inMemory(bytes: number, maxEvents: number): EventStore {
    const store = new EventStore(new ArrayBuffer(sizeFor(bytes)), maxEvents, () => undefined);
    store.#clear();
    return store;
  }

  /**
   * The store in the file at `path`, with what the process before left in it, or a new one. The file goes when the store is closed; it stays
   * where the process is killed. Throws `socket_in_use` where another process has it, `no_space`.
   */
  static open(path: string, bytes: number, maxEvents: number): EventStore {
    const size = sizeFor(bytes);
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE);
    let mapping: Mapping;
    let isOld: boolean;
    try {
      if (!lockFile(fd)) throw new RuthError('socket_in_use', `${path} belongs to another process`);
      isOld = fstatSync(fd).size === size;
      if (!isOld) ftruncateSync(fd, 0);
      if (!allocateFile(fd, size)) throw new RuthError('no_space', `${path} needs ${size} bytes of shared memory`);
      mapping = mapFile(fd, size, 'read-write');
    } catch (cause) {
      closeSync(fd);
      throw cause;
    }
    const store = new EventStore(mapping.bytes, maxEvents, () => {
      unlinkSync(path);
      mapping.close();
      closeSync(fd);
    });
    if (!isOld || !store.#recall()) store.#clear();
    return store;
  }

  /** Of the newest event; null where there is none. */
  get newestId(): number | null { return this.#nextId === this.#oldestId ? null : this.#nextId - 1; }
  get oldestId(): number | null { return this.#nextId === this.#oldestId ? null : this.#oldestId; }

  /** Ids grow by one: after another one than that everything older is let go. False where it does not fit: then nothing is kept. */
  append(id: number, text: string): boolean {
    const textBytes = Buffer.byteLength(text);
    const recordBytes = align(RECORD_HEADER_BYTES + textBytes);
    if (id !== this.#nextId || recordBytes > this.#capacity) this.#letGo(this.#nextId);
    if (recordBytes > this.#capacity) {
      this.#oldestId = this.#nextId = id + 1;
      return false;
    }
    if (this.newestId === null) this.#oldestId = this.#nextId = id;
    const toEnd = this.#capacity - this.#head % this.#capacity;
    const skipped = toEnd < recordBytes ? toEnd : 0;
    while (this.newestId !== null && (this.#nextId - this.#oldestId >= this.#offsets.length || this.#head + skipped + recordBytes - this.#tail > this.#capacity)) this.#letGo(this.#oldestId + 1);
    if (skipped > 0) {
      this.#bytes.writeUInt32LE(WRAP, this.#place(this.#head));
      this.#head += skipped;
      if (this.newestId === null) this.#letGo(this.#nextId);
    }
    const at = this.#place(this.#head);
    this.#bytes.writeUInt32LE(textBytes, at);
    this.#bytes.writeDoubleLE(id, at + 8);
    this.#bytes.write(text, at + RECORD_HEADER_BYTES);
    this.#offsets[id % this.#offsets.length] = this.#head;
    this.#head += recordBytes;
    this.#nextId = id + 1;
    // SYNC: sequentially consistent, after the record's bytes: who dies in between has not appended it.
    Atomics.store(this.#counters, 1, BigInt(this.#head));
    return true;
  }

  /** Null where it is not there. */
  read(id: number): string | null {
    if (id < this.#oldestId || id >= this.#nextId) return null;
    const at = this.#place(this.#offsets[id % this.#offsets.length]!);
    return this.#bytes.toString('utf8', at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + this.#bytes.readUInt32LE(at));
  }

  [Symbol.dispose](): void { this.#close(); }

  #place(offset: number): number { return HEADER_BYTES + offset % this.#capacity; }

  /** The oldest is `id` from now on. */
  #letGo(id: number): void {
    this.#oldestId = id;
    this.#tail = id >= this.#nextId ? this.#head : this.#offsets[id % this.#offsets.length]!;
    // SYNC: before their bytes are overwritten.
    Atomics.store(this.#counters, 0, BigInt(this.#tail));
  }

  #clear(): void {
    this.#bytes.fill(0, 0, HEADER_BYTES);
    this.#bytes.write(MAGIC, 'latin1');
    this.#bytes.writeUInt32LE(VERSION, AT.version);
    this.#bytes.writeDoubleLE(this.#capacity, AT.capacity);
    this.#tail = this.#head = 0;
    this.#oldestId = this.#nextId = 0;
  }

  /** Takes over what a process before wrote. False where it is not what this version writes; the numbers in it are not believed. */
  #recall(): boolean {
    const bytes = this.#bytes;
    if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || bytes.readUInt32LE(AT.version) !== VERSION || bytes.readDoubleLE(AT.capacity) !== this.#capacity) return false;
    const [tail, head] = [Number(this.#counters[0]), Number(this.#counters[1])];
    if (!(tail >= 0 && head >= tail && head - tail <= this.#capacity && Number.isSafeInteger(head))) return false;
    let next: number | null = null;
    let oldest = 0;
    let at = tail;
    while (at < head) {
      const place = this.#place(at);
      const toEnd = this.#capacity - at % this.#capacity;
      const textBytes = bytes.readUInt32LE(place);
      if (textBytes === WRAP) {
        at += toEnd;
        continue;
      }
      const recordBytes = align(RECORD_HEADER_BYTES + textBytes);
      const id = toEnd < RECORD_HEADER_BYTES ? Number.NaN : bytes.readDoubleLE(place + 8);
      if (recordBytes > toEnd || at + recordBytes > head || !Number.isSafeInteger(id) || id < 0 || (next !== null && id !== next)) return false;
      if (next === null) oldest = id;
      this.#offsets[id % this.#offsets.length] = at;
      next = id + 1;
      at += recordBytes;
    }
    if (at !== head) return false;
    [this.#tail, this.#head, this.#oldestId, this.#nextId] = [tail, head, oldest, next ?? 0];
    // Another process may have kept more of them.
    const excess = this.#nextId - this.#oldestId - this.#offsets.length;
    if (excess > 0) this.#letGo(this.#oldestId + excess);
    return true;
  }
}

/** Removes the store of a process that was killed and not started again. */
export function sweepEventStore(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch {
    return false;
  }
  try {
    if (!lockFile(fd)) return false;
    unlinkSync(path);
    return true;
  } finally {
    closeSync(fd);
  }
}

const align = (bytes: number): number => Math.ceil(bytes / 8) * 8;
const sizeFor = (bytes: number): number => HEADER_BYTES + align(bytes);
