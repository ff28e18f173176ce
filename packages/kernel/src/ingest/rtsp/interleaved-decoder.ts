// Takes an RTSP connection's bytes apart (RFC 2326): answers, and RTP in frames between them. Any split of the bytes will do;
// sizes are bounded; what is neither ends in `camera_protocol`.
import { RuthError } from '@ruth/protocol';

export interface RtspAnswer {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case; of a header that comes more than once, all values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
}

export interface InterleavedHandlers {
  /** `payload` is valid only during the call. */
  readonly onFrame: (channel: number, payload: Buffer) => void;
  readonly onAnswer: (answer: RtspAnswer) => void;
}

const DOLLAR = 0x24;
const FRAME_HEADER_BYTES = 4;
const MAX_HEADER_BYTES = 16 << 10;
const MAX_BODY_BYTES = 256 << 10;
const HEADER_END = '\r\n\r\n';

export class InterleavedDecoder {
  readonly #handlers: InterleavedHandlers;
  /** What is not yet whole. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(handlers: InterleavedHandlers) { this.#handlers = handlers; }

  /** The chunk may be overwritten after the call. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < bytes.length) {
      const end = bytes[at] === DOLLAR ? this.#frame(bytes, at) : this.#message(bytes, at);
      if (end === null) break;
      at = end;
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  }

  #frame(bytes: Buffer, at: number): number | null {
    if (bytes.length < at + FRAME_HEADER_BYTES) return null;
    const begin = at + FRAME_HEADER_BYTES;
    const end = begin + bytes.readUInt16BE(at + 2);
    if (bytes.length < end) return null;
    this.#handlers.onFrame(bytes[at + 1]!, bytes.subarray(begin, end));
    return end;
  }

  /** An answer, or a request of the camera's own, which is passed over. */
  #message(bytes: Buffer, at: number): number | null {
    // Some cameras put an empty line between.
    if (bytes[at] === 0x0d || bytes[at] === 0x0a) return at + 1;
    const head = bytes.indexOf(HEADER_END, at, 'latin1');
    const known = bytes.toString('latin1', at, Math.min(at + 8, bytes.length));
    if (!/^[A-Z]/.test(known) || (head < 0 && bytes.length - at > MAX_HEADER_BYTES)) throw nonsense(known);
    if (head < 0) return null;
    const [first, ...lines] = bytes.toString('latin1', at, head).split('\r\n');
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon < 1) continue;
      const name = line.slice(0, colon).trim().toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
    }
    const bodyBytes = Number(headers.get('content-length')?.[0] ?? 0);
    if (!Number.isInteger(bodyBytes) || bodyBytes < 0 || bodyBytes > MAX_BODY_BYTES) throw nonsense(`a body of ${headers.get('content-length')?.[0]} bytes`);
    const end = head + HEADER_END.length + bodyBytes;
    if (bytes.length < end) return null;
    const answer = /^RTSP\/\d\.\d (\d{3}) ?(.*)$/.exec(first!);
    if (answer) this.#handlers.onAnswer({ status: Number(answer[1]), reason: answer[2]!, headers, body: Buffer.from(bytes.subarray(end - bodyBytes, end)) });
    else if (!/ RTSP\/\d\.\d$/.test(first!)) throw nonsense(first!);
    return end;
  }
}

const nonsense = (text: string): RuthError => new RuthError('camera_protocol', `what answers does not speak RTSP: ${JSON.stringify(text.slice(0, 40))}`);
