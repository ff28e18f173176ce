// The floor that any tracker must beat: each track takes the free detection that overlaps most with its last box, best
// pairs first; no motion, no second round. One constant for each choice that there is.
import type { TrackableDetection } from '@ruth/core';
import { iou } from './comparison.ts';
import type { IdentifiedBox } from './sequence.ts';

const LEAST_CONFIDENCE = 0.5;
const LEAST_IOU = 0.3;
const LOST_S = 1;

export class GreedyFloor {
  #tracks: { id: number; box: IdentifiedBox['box']; lastSeenS: number }[] = [];
  #nextId = 1;

  update(detections: readonly TrackableDetection[], timeS: number): IdentifiedBox[] {
    this.#tracks = this.#tracks.filter(({ lastSeenS }) => timeS - lastSeenS <= LOST_S);
    const free = new Set(detections.filter(({ confidence }) => confidence >= LEAST_CONFIDENCE));
    const unseen = new Set(this.#tracks);
    const pairs = this.#tracks.flatMap((track) => [...free].map((detection) => ({ track, detection, overlap: iou(track.box, detection.bbox) })));
    for (const { track, detection, overlap } of pairs.sort((a, b) => b.overlap - a.overlap)) {
      if (overlap < LEAST_IOU) break;
      if (!unseen.has(track) || !free.has(detection)) continue;
      unseen.delete(track);
      free.delete(detection);
      track.box = detection.bbox;
      track.lastSeenS = timeS;
    }
    for (const { bbox } of free) this.#tracks.push({ id: this.#nextId++, box: bbox, lastSeenS: timeS });
    return this.#tracks.filter(({ lastSeenS }) => lastSeenS === timeS).map(({ id, box }) => ({ id, box }));
  }
}
