// The bytes of contract 1: 4-byte unsigned big-endian length, then that many bytes of UTF-8 JSON. Survives any split of
// the bytes, and never allocates more than twice what has arrived, whatever a length prefix claims.
import { isUtf8 } from 'node:buffer';
import { MAX_MESSAGE_BYTES, RuthError } from '@ruth/protocol/base';

const PREFIX_BYTES = 4;

/** One Buffer with length and body, so that a message is one write. Throws `message_too_large`; `bad_request` for what JSON cannot say. */
export function encodeMessage(value: unknown): Buffer {
  const text = toJson(value);
  const bodyBytes = Buffer.byteLength(text);
  if (bodyBytes > MAX_MESSAGE_BYTES) throw new RuthError('message_too_large', `the message has ${bodyBytes} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`);
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + bodyBytes);
  bytes.writeUInt32BE(bodyBytes);
  bytes.write(text, PREFIX_BYTES);
  return bytes;
}

function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new RuthError('bad_request', `the message cannot be written as JSON: ${(cause as Error).message}`, { cause });
  }
  if (text === undefined) throw new RuthError('bad_request', `a message of type ${typeof value} cannot be written as JSON`);
  return text;
}

export type DecodedMessage = { readonly status: 'message'; readonly value: unknown } | { readonly status: 'incomplete' };

const NOTHING = Buffer.alloc(0);
const INCOMPLETE: DecodedMessage = { status: 'incomplete' };

/** Turns chunks of bytes into messages. */
export class MessageDecoder {
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** Whether `#buffer` is ours to write to; a chunk that holds whole messages is read where it lies. */
  #owned = false;

  /** Bytes that are here and not yet taken by `next`. */
  get pendingBytes(): number { return this.#end - this.#start; }

  /** Takes a chunk, which must stay unchanged until `next` has said `incomplete`. */
  push(chunk: Buffer): void {
    const pending = this.pendingBytes;
    if (pending === 0) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#buffer.length - this.#end < chunk.length) this.#move(2 * (pending + chunk.length));
    this.#end += chunk.copy(this.#buffer, this.#end);
  }

  /**
   * The next message, or `incomplete`. Throws `bad_request` where a message is no UTF-8 JSON (it is skipped: go on with `next`);
   * `invalid_length` or `message_too_large` where the length is not allowed (framing is lost: every later call throws the same).
   */
  next(): DecodedMessage {
    const pending = this.pendingBytes;
    if (pending < PREFIX_BYTES) return this.#wait();
    const bodyBytes = this.#buffer.readUInt32BE(this.#start);
    if (bodyBytes === 0) throw new RuthError('invalid_length', 'a message of 0 bytes is not allowed');
    if (bodyBytes > MAX_MESSAGE_BYTES) throw new RuthError('message_too_large', `the message claims ${bodyBytes} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`);
    if (pending < PREFIX_BYTES + bodyBytes) return this.#wait();
    const from = this.#start + PREFIX_BYTES;
    this.#start = from + bodyBytes;
    return { status: 'message', value: parse(this.#buffer, from, this.#start) };
  }

  #wait(): DecodedMessage {
    if (!this.#owned && this.pendingBytes > 0) this.#move(this.pendingBytes);
    return INCOMPLETE;
  }

  #move(capacityBytes: number): void {
    const room = Buffer.allocUnsafeSlow(capacityBytes);
    this.#end = this.#buffer.copy(room, 0, this.#start, this.#end);
    this.#start = 0;
    this.#buffer = room;
    this.#owned = true;
  }
}

function parse(buffer: Buffer, from: number, to: number): unknown {
  const text = buffer.toString('utf8', from, to);
  // Only where decoding put a replacement character can the bytes have been wrong.
  if (text.includes('\uFFFD') && !isUtf8(buffer.subarray(from, to))) throw new RuthError('bad_request', 'the message is not UTF-8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RuthError('bad_request', `the message is not JSON: ${(cause as Error).message}`, { cause });
  }
}
