// The looks of the last hour, kept so that rules can be tried on them: in memory outside of V8's heap, in chunks that are filled one after the
// other. Bounded in time and, over all cameras, in bytes: what is oldest goes first. Core begins without any when it starts.
import type { Look, TrackEndReason } from '@ruth/protocol';
import type { HeldFrame } from '../tracking/camera-tracks.ts';
import type { Thresholds } from '../tracking/thresholds.ts';
import { EntryWriter, type EntryNames } from './look-entries.ts';

const KEPT_S = 3600;
const MOST_BYTES = 64 << 20;
const CHUNK_BYTES = 64 << 10;

interface Chunk { readonly camera: CameraHistory; readonly bytes: Buffer; used: number; readonly fromS: number; toS: number }

/** Of one camera: bytes of entries, oldest first; `since` is the time of the first one (UTC, seconds), null where there is none. */
export interface KeptLooks { readonly names: EntryNames; readonly parts: readonly Buffer[]; readonly since: number | null }

/** What is to be known of a model to understand its looks. */
export interface KeptModel { readonly detects: boolean; readonly keypoint_names: readonly string[]; readonly thresholds: Thresholds }

export class LookHistory {
  readonly #keptS: number;
  readonly #mostBytes: number;
  readonly #chunkBytes: number;
  /** In the order in which they were begun. */
  readonly #chunks: Chunk[] = [];
  #bytes = 0;

  constructor({ keptS = KEPT_S, mostBytes = MOST_BYTES, chunkBytes = CHUNK_BYTES } = {}) {
    this.#keptS = keptS;
    this.#mostBytes = mostBytes;
    this.#chunkBytes = chunkBytes;
  }

  /** Held for entries, full or not. */
  get bytes(): number { return this.#bytes; }

  /** For `size` bytes of that camera at least. */
  begin(camera: CameraHistory, size: number, at: number): Chunk {
    const bytes = Buffer.allocUnsafeSlow(Math.max(size, this.#chunkBytes));
    this.#bytes += bytes.length;
    while (this.#chunks.length > 0 && (this.#bytes > this.#mostBytes || this.#chunks[0]!.toS < at - this.#keptS)) this.#dropOldest();
    const chunk = { camera, bytes, used: 0, fromS: at, toS: at };
    this.#chunks.push(chunk);
    return chunk;
  }

  /** Of a camera that is gone. */
  forget(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      this.#chunks.splice(this.#chunks.indexOf(chunk), 1);
      this.#bytes -= chunk.bytes.length;
    }
  }

  #dropOldest(): void {
    const chunk = this.#chunks.shift()!;
    this.#bytes -= chunk.bytes.length;
    chunk.camera.drop(chunk);
  }
}

export class CameraHistory implements Disposable {
  readonly #history: LookHistory;
  readonly #writer = new EntryWriter();
  #chunks: Chunk[] = [];

  constructor(history: LookHistory) { this.#history = history; }

  look(look: Look): void {
    const size = this.#writer.lookBytes(look);
    const chunk = this.#room(size, look.captured_at);
    this.#writer.look(chunk.bytes, chunk.used, look);
    chunk.used += size;
  }

  held(modelId: string, frame: HeldFrame): void {
    const chunk = this.#room(this.#writer.heldBytes, frame.captured_at);
    this.#writer.held(chunk.bytes, chunk.used, modelId, frame);
    chunk.used += this.#writer.heldBytes;
  }

  /** What is seen from now on has nothing to do with what was. `at`: UTC, seconds. */
  end(reason: TrackEndReason, modelId: string | null, at: number): void {
    if (this.#chunks.length === 0) return;
    const chunk = this.#room(this.#writer.endBytes, at);
    this.#writer.end(chunk.bytes, chunk.used, modelId, at, reason);
    chunk.used += this.#writer.endBytes;
  }

  /** What is there now; what is written later changes nothing of it. */
  kept(): KeptLooks {
    return { names: { models: [...this.#writer.names.models], classes: [...this.#writer.names.classes] }, parts: this.#chunks.map(({ bytes, used }) => bytes.subarray(0, used)), since: this.#chunks[0]?.fromS ?? null };
  }

  drop(chunk: Chunk): void { this.#chunks = this.#chunks.filter((one) => one !== chunk); }

  [Symbol.dispose](): void {
    this.#history.forget(this.#chunks);
    this.#chunks = [];
  }

  #room(size: number, at: number): Chunk {
    const last = this.#chunks.at(-1);
    const chunk = last && last.bytes.length - last.used >= size ? last : this.#history.begin(this, size, at);
    if (chunk !== last) this.#chunks.push(chunk);
    chunk.toS = at;
    return chunk;
  }
}
