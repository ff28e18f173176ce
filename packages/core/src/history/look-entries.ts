// What a camera's understanding was given, as bytes: looks, pictures in which nothing moved, and ends, in their order. What nothing is understood
// from (embeddings, masks, attributes) is left out. Boxes and scores are kept as 32-bit floats, as most models make them.
//
//   entry     kind u8 | model u8 | captured_at f64 | frame_id f64 | pts_us f64 | epoch f64          `end` stops after captured_at
//   look      ... | width u16 | height u16 | count u16 | count x detection
//   detection class u16 | keypoints u16 | confidence f32 | bbox 4 x f32 | keypoints x (x f32, y f32, score f32)
import { TRACK_END_REASONS, type Box, type Detection, type Keypoint, type Look, type TrackEndReason } from '@ruth/protocol';
import type { HeldFrame } from '../tracking/camera-tracks.ts';

const KIND = { look: 0, failed: 1, held: 2, end: 3 } as const;
const HEAD_BYTES = 2 + 8;
const FRAME_BYTES = HEAD_BYTES + 3 * 8;
const LOOK_BYTES = FRAME_BYTES + 3 * 2;
const DETECTION_BYTES = 2 * 2 + 5 * 4;
const KEYPOINT_BYTES = 3 * 4;
/** Of any number that says where in a list: more is not kept. */
const MOST = 0xffff;
/** In place of a model. */
const OF_ALL = 0xff;

/** Names that entries hold by their place in these lists, which only grow. */
export interface EntryNames { readonly models: string[]; readonly classes: { readonly class_id: number; readonly class_name: string }[] }

export type Entry =
  | { readonly kind: 'look'; readonly look: Look }
  | { readonly kind: 'failed'; readonly modelId: string; readonly frame: HeldFrame }
  | { readonly kind: 'held'; readonly modelId: string; readonly frame: HeldFrame }
  | { readonly kind: 'end'; readonly modelId: string | null; readonly at: number; readonly reason: TrackEndReason };

export class EntryWriter {
  readonly names: EntryNames = { models: [], classes: [] };
  readonly #modelAt = new Map<string, number>();
  readonly #classAt = new Map<string, number>();

  /** Bytes that `look` writes. */
  lookBytes(look: Look): number {
    if (!this.#isWhole(look)) return FRAME_BYTES;
    let size = LOOK_BYTES;
    for (const { keypoints } of look.detections) size += DETECTION_BYTES + KEYPOINT_BYTES * (keypoints?.length ?? 0);
    return size;
  }

  readonly heldBytes = FRAME_BYTES;
  readonly endBytes = HEAD_BYTES;

  /** A look that failed, or is too much to be kept: something may have happened in it. */
  look(bytes: Buffer, at: number, look: Look): void {
    const isWhole = this.#isWhole(look);
    let end = this.#frame(bytes, at, isWhole ? KIND.look : KIND.failed, look.model_id, look);
    if (!isWhole) return;
    for (const value of [look.width, look.height, look.detections.length]) end = bytes.writeUInt16LE(Math.min(value, MOST), end);
    for (const { class_id, class_name, confidence, bbox, keypoints = [] } of look.detections) {
      end = bytes.writeUInt16LE(keypoints.length, bytes.writeUInt16LE(this.#class(class_id, class_name), end));
      end = bytes.writeFloatLE(confidence, end);
      for (const side of bbox) end = bytes.writeFloatLE(side, end);
      for (const keypoint of keypoints) for (const value of keypoint) end = bytes.writeFloatLE(value, end);
    }
  }

  held(bytes: Buffer, at: number, modelId: string, frame: HeldFrame): void { this.#frame(bytes, at, KIND.held, modelId, frame); }

  /** `at`: UTC, seconds. Null as `modelId`: of all. */
  end(bytes: Buffer, offset: number, modelId: string | null, at: number, reason: TrackEndReason): void {
    bytes.writeUInt8(KIND.end + TRACK_END_REASONS.indexOf(reason), offset);
    bytes.writeUInt8(modelId === null ? OF_ALL : this.#model(modelId), offset + 1);
    bytes.writeDoubleLE(at, offset + 2);
  }

  #isWhole({ error, detections }: Look): boolean { return error === null && this.names.classes.length + detections.length <= MOST; }

  #frame(bytes: Buffer, at: number, kind: number, modelId: string, { captured_at, frame_id, pts_us, epoch }: HeldFrame): number {
    let end = bytes.writeUInt8(this.#model(modelId), bytes.writeUInt8(kind, at));
    for (const value of [captured_at, frame_id, pts_us, epoch]) end = bytes.writeDoubleLE(value, end);
    return end;
  }

  #model(id: string): number {
    const known = this.#modelAt.get(id);
    if (known !== undefined) return known;
    if (this.names.models.length >= OF_ALL) throw new RangeError(`more than ${OF_ALL} models look at one camera`);
    this.#modelAt.set(id, this.names.models.length);
    return this.names.models.push(id) - 1;
  }

  #class(id: number, name: string): number {
    const key = `${id} ${name}`;
    const known = this.#classAt.get(key);
    if (known !== undefined) return known;
    this.#classAt.set(key, this.names.classes.length);
    return this.names.classes.push({ class_id: id, class_name: name }) - 1;
  }
}

/** What was written, in its order. Throws RangeError where the bytes end within an entry. */
export function* entriesIn(bytes: Buffer, { models, classes }: EntryNames, cameraId: string): Generator<Entry> {
  for (let at = 0; at < bytes.length;) {
    const kind = bytes.readUInt8(at);
    const modelId = models[bytes.readUInt8(at + 1)] ?? null;
    const captured_at = bytes.readDoubleLE(at + 2);
    if (kind >= KIND.end) {
      yield { kind: 'end', modelId, at: captured_at, reason: TRACK_END_REASONS[kind - KIND.end]! };
      at += HEAD_BYTES;
      continue;
    }
    const frame = { captured_at, frame_id: bytes.readDoubleLE(at + 10), pts_us: bytes.readDoubleLE(at + 18), epoch: bytes.readDoubleLE(at + 26) };
    at += FRAME_BYTES;
    if (kind !== KIND.look) {
      yield { kind: kind === KIND.failed ? 'failed' : 'held', modelId: modelId!, frame };
      continue;
    }
    const [width, height, count] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2), bytes.readUInt16LE(at + 4)];
    at += LOOK_BYTES - FRAME_BYTES;
    const detections: Detection[] = [];
    for (let index = 0; index < count; index++) {
      const keypointCount = bytes.readUInt16LE(at + 2);
      detections.push({
        ...classes[bytes.readUInt16LE(at)]!, confidence: bytes.readFloatLE(at + 4), bbox: floatsAt(bytes, at + 8, 4) as Box,
        ...(keypointCount === 0 ? {} : { keypoints: Array.from({ length: keypointCount }, (_, place) => floatsAt(bytes, at + DETECTION_BYTES + KEYPOINT_BYTES * place, 3) as Keypoint) }),
      });
      at += DETECTION_BYTES + KEYPOINT_BYTES * keypointCount;
    }
    yield { kind: 'look', look: { camera_id: cameraId, model_id: modelId!, ...frame, width, height, detections, metadata: {}, error: null, error_code: null } };
  }
}

const floatsAt = (bytes: Buffer, at: number, count: number): number[] => Array.from({ length: count }, (_, index) => bytes.readFloatLE(at + 4 * index));
