// Which objects stood where in the frames that a model has looked at lately, for models that look at the same frames later. Its memory
// is used again: what lives for a few seconds and is made anew with each look is what a garbage collector copies most.
import type { Box } from '@ruth/protocol';
import type { SceneObject } from '../scene/scene-object.ts';
import { bufferedIou } from '../tracking/overlap.ts';

const FRAMES_KEPT = 16;
/** A body belongs to the object whose box it overlaps so much at least. */
const SAME_IOU = 0.3;
/** Of an object: its id and its box. */
const FIELDS = 5;

export interface SeenFrame {
  readonly frameId: number;
  /** Seconds of the stream. */
  readonly nowS: number;
  readonly count: number;
  /** FIELDS numbers for each object. */
  readonly objects: readonly number[];
}

export class SeenFrames {
  readonly #frames: { frameId: number; nowS: number; count: number; readonly objects: number[] }[] = [];
  #next = 0;

  add(frameId: number, nowS: number, objects: Iterable<SceneObject>): void {
    const frame = this.#frames[this.#next] ??= { frameId, nowS, count: 0, objects: [] };
    this.#next = (this.#next + 1) % FRAMES_KEPT;
    frame.frameId = frameId;
    frame.nowS = nowS;
    frame.count = 0;
    for (const { id, isSeen, box } of objects) {
      if (!isSeen) continue;
      // Never emptied: an array that is gives its memory back.
      const at = FIELDS * frame.count++;
      frame.objects[at] = id;
      for (let side = 0; side < 4; side++) frame.objects[at + 1 + side] = box[side]!;
    }
  }

  /** Undefined where it was not looked at, or long ago. Until the next `add`. */
  get(frameId: number): SeenFrame | undefined { return this.#frames.find((frame) => frame.frameId === frameId); }

  clear(): void {
    this.#frames.length = this.#next = 0;
  }
}

/** Id of the object of that frame to which what lies in the box belongs. */
export function objectAt(box: Box, { count, objects }: SeenFrame): number | null {
  let [best, id] = [SAME_IOU, null as number | null];
  for (let index = 0; index < FIELDS * count; index += FIELDS) {
    const overlap = bufferedIou(box, objects.slice(index + 1, index + FIELDS) as unknown as Box);
    if (overlap > best) [best, id] = [overlap, objects[index]!];
  }
  return id;
}
