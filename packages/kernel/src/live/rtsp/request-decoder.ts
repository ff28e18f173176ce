// Reads RTSP requests and interleaved packets (RFC 2326) from a byte stream, however it is split. All sizes are bounded.

export interface RtspRequest {
  readonly method: string;
  readonly uri: string;
  readonly version: string;
  /** Names in lower case; repeated headers are joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export type Decoded =
  | { readonly kind: 'request'; readonly request: RtspRequest }
  | { readonly kind: 'interleaved'; readonly channel: number; readonly payload: Buffer }
  | { readonly kind: 'incomplete' }
  /** What came is no RTSP; the stream cannot be followed any further. */
  | { readonly kind: 'malformed'; readonly status: 400 | 413 | 414; readonly cseq: string | null };

export const MAX_HEAD_BYTES = 8192;
export const MAX_BODY_BYTES = 16_384;
const MAX_URI_LENGTH = 2048;
const MAX_HEADERS = 64;
const DOLLAR = 0x24;

export class RequestDecoder {
  #buffer: Buffer = Buffer.alloc(0);
  #failed: Decoded | null = null;

  /** Bytes of a message that has begun and is not yet complete. */
  get pendingBytes(): number { return this.#buffer.length; }

  push(chunk: Buffer): void {
    if (!this.#failed) this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
  }

  /** The next message; `incomplete` until more was pushed. `malformed` is final. */
  next(): Decoded {
    if (this.#failed) return this.#failed;
    const decoded = this.#decode();
    if (decoded.kind === 'malformed') {
      this.#failed = decoded;
      this.#buffer = Buffer.alloc(0);
    }
    return decoded;
  }

  #decode(): Decoded {
    let start = 0;
    while (this.#buffer[start] === 0x0d || this.#buffer[start] === 0x0a) start++;
    this.#take(start);
    if (this.#buffer[0] === DOLLAR) return this.#interleaved();
    const head = this.#head();
    if (head === null) return this.#buffer.length > MAX_HEAD_BYTES ? malformed(413) : { kind: 'incomplete' };
    if (head.bytes > MAX_HEAD_BYTES) return malformed(413);
    const [requestLine = '', ...lines] = head.text.split(/\r?\n/);
    const headers = parseHeaders(lines);
    const cseq = headers?.get('cseq') ?? null;
    const match = /^([A-Z_]{1,32}) (\S+) (RTSP\/\d\.\d)$/.exec(requestLine);
    if (!match || !headers) return malformed(400, cseq);
    const [, method, uri, version] = match as unknown as [string, string, string, string];
    if (uri.length > MAX_URI_LENGTH) return malformed(414, cseq);
    const length = headers.get('content-length') ?? '0';
    if (!/^\d{1,9}$/.test(length)) return malformed(400, cseq);
    if (Number(length) > MAX_BODY_BYTES) return malformed(413, cseq);
    const end = head.bytes + Number(length);
    if (this.#buffer.length < end) return { kind: 'incomplete' };
    const body = this.#buffer.subarray(head.bytes, end);
    this.#take(end);
    return { kind: 'request', request: { method, uri, version, headers, body } };
  }

  #interleaved(): Decoded {
    const end = this.#buffer.length < 4 ? Infinity : 4 + this.#buffer.readUInt16BE(2);
    if (this.#buffer.length < end) return { kind: 'incomplete' };
    const decoded = { kind: 'interleaved', channel: this.#buffer[1]!, payload: this.#buffer.subarray(4, end) } as const;
    this.#take(end);
    return decoded;
  }

  /** The lines up to the empty one, or null while that is missing. Bare line feeds are accepted. */
  #head(): { text: string; bytes: number } | null {
    const text = this.#buffer.toString('latin1', 0, MAX_HEAD_BYTES + 4);
    const end = /\r?\n\r?\n/.exec(text);
    return end ? { text: text.slice(0, end.index), bytes: end.index + end[0].length } : null;
  }

  #take(bytes: number): void {
    if (bytes > 0) this.#buffer = this.#buffer.subarray(bytes);
  }
}

function parseHeaders(lines: readonly string[]): Map<string, string> | null {
  const headers = new Map<string, string>();
  if (lines.length > MAX_HEADERS) return null;
  for (const line of lines) {
    const match = /^([A-Za-z0-9-]{1,64})[ \t]*:[ \t]*(.*)$/.exec(line);
    if (!match) return null;
    const [, name, value] = match as unknown as [string, string, string];
    const before = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), before === undefined ? value.trimEnd() : `${before}, ${value.trimEnd()}`);
  }
  return headers;
}

function malformed(status: 400 | 413 | 414, cseq: string | null = null): Decoded {
  return { kind: 'malformed', status, cseq };
}
