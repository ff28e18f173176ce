// Feeds fMP4 into one MediaSource and keeps what is buffered bounded. A new stream gets a new one of these.

/** Played pictures that are kept, and how far past that the buffer may grow before it is cut. */
const KEEP_S = 6;
const CUT_BEYOND_S = 10;
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

type MediaSourceConstructor = typeof MediaSource;

/** MediaSource, or what stands for it on iPhones; undefined where the browser has neither. */
export function mediaSourceClass(): MediaSourceConstructor | undefined {
  return globalThis.MediaSource ?? (globalThis as { ManagedMediaSource?: MediaSourceConstructor }).ManagedMediaSource;
}

export class SegmentBuffer {
  readonly #video: HTMLVideoElement;
  readonly #source: MediaSource;
  readonly #address: string;
  readonly #onFailure: (reason: string) => void;
  #buffer: SourceBuffer | null = null;
  #pending: ArrayBuffer[] = [];
  #pendingBytes = 0;
  /** Of what is being appended. */
  #parts = 0;
  #endS: number | null = null;
  readonly #closing = new AbortController();

  /** What is buffered and may be played grew by so many parts. */
  onGrown: ((endBeforeS: number, endS: number, parts: number) => void) | null = null;

  /** `onFailure` is called at most once, when this stream cannot go on. */
  constructor(Source: MediaSourceConstructor, video: HTMLVideoElement, mime: string, onFailure: (reason: string) => void) {
    this.#video = video;
    this.#onFailure = onFailure;
    this.#source = new Source();
    this.#address = URL.createObjectURL(this.#source);
    // ManagedMediaSource plays only where remote playback is off.
    video.disableRemotePlayback = true;
    // What was appended well may still not be decoded: the source has ended then, and takes no more.
    video.addEventListener('error', () => this.#fail(video.error?.message || 'the browser could not decode the stream'), { signal: this.#closing.signal });
    this.#source.addEventListener('sourceopen', () => {
      if (this.#closing.signal.aborted || this.#buffer) return;
      try {
        this.#buffer = this.#source.addSourceBuffer(mime);
      } catch (error) {
        return this.#fail((error as Error).message);
      }
      this.#buffer.mode = 'segments';
      this.#buffer.addEventListener('updateend', () => {
        this.#grown();
        this.#pump();
      });
      this.#buffer.addEventListener('error', () => this.#fail('the browser refused a part of the stream'));
      this.#pump();
    });
    video.src = this.#address;
  }

  append(bytes: ArrayBuffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    if (this.#pendingBytes > MAX_PENDING_BYTES) this.#fail('the browser could not keep up with the stream');
    else this.#pump();
  }

  close(): void {
    this.#closing.abort();
    this.#pending = [];
    if (this.#video.src === this.#address) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    URL.revokeObjectURL(this.#address);
  }

  #grown(): void {
    // What was being appended when it was closed ends, too; the buffer is none any more then.
    if (this.#closing.signal.aborted || this.#source.readyState !== 'open') return;
    const { buffered } = this.#buffer!;
    const endS = buffered.length > 0 ? buffered.end(buffered.length - 1) : null;
    const before = this.#endS;
    this.#endS = endS;
    if (endS !== null && before !== null && endS > before) this.onGrown?.(before, endS, this.#parts);
  }

  #pump(): void {
    const buffer = this.#buffer;
    if (this.#closing.signal.aborted || !buffer || buffer.updating || this.#source.readyState !== 'open') return;
    const { currentTime } = this.#video;
    if (buffer.buffered.length > 0 && currentTime - buffer.buffered.start(0) > CUT_BEYOND_S) {
      buffer.remove(0, currentTime - KEEP_S);
      return;
    }
    if (this.#pending.length === 0) return;
    const bytes = joined(this.#pending, this.#pendingBytes);
    try {
      buffer.appendBuffer(bytes);
      this.#parts = this.#pending.length;
      this.#pending = [];
      this.#pendingBytes = 0;
    } catch (error) {
      if ((error as Error).name === 'QuotaExceededError' && currentTime > 1 && buffer.buffered.length > 0 && buffer.buffered.start(0) < currentTime - 1) {
        buffer.remove(0, currentTime - 1);
      } else this.#fail((error as Error).message);
    }
  }

  #fail(reason: string): void {
    if (this.#closing.signal.aborted) return;
    this.close();
    this.#onFailure(reason);
  }
}

function joined(parts: readonly ArrayBuffer[], bytes: number): ArrayBuffer {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), offset);
    offset += part.byteLength;
  }
  return whole.buffer;
}
