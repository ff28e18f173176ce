// One thing that is followed: where it is, how it moves, what it was called, how it looks.
import type { Box, Detection } from '@ruth/protocol';
import { Gallery, type Appearance } from './appearance.ts';
import { BoxMotion } from './motion.ts';
import type { TrackerSettings } from './tracker-settings.ts';

export type TrackableDetection = Pick<Detection, 'class_id' | 'confidence' | 'bbox'>;

/** A track as it is after a look. */
export interface Track {
  /** From 1 up, never given twice by a tracker. */
  readonly id: number;
  readonly classId: number;
  /** Smoothed, in the unit of the detections; predicted where it was not seen. May reach beyond the frame. */
  readonly box: Box;
  /** Of the last detection. */
  readonly confidence: number;
  readonly firstSeenS: number;
  readonly lastSeenS: number;
  /** The detection it was seen in, as its index in this look; null where it was not seen. */
  readonly detectionIndex: number | null;
  /** Seen in this look, or a moment ago and for long enough before to be believed. */
  readonly isVisible: boolean;
}

export interface Candidate {
  readonly detection: TrackableDetection;
  readonly index: number;
}

/** What stays of a class's votes with each look. */
const VOTES_KEPT = 0.95;
/** Rounding of times that are sums. */
export const TIME_TOLERANCE_S = 1e-6;

export class ObjectTrack {
  /** Null until it was seen a second time: one detection alone may be anything. */
  id: number | null = null;
  classId: number;
  firstSeenS: number;
  readonly gallery = new Gallery();
  /** When a vector was asked for last, */
  describedS = -Infinity;
  /** and since when one is awaited. */
  askedS = -Infinity;
  box: Box;
  confidence: number;
  lastSeenS: number;
  detectionIndex: number | null;
  /** As it was detected in this look. */
  seenBox: Box | null;
  /** As it was seen last. */
  lastBox: Box;
  unseenS = 0;
  readonly #settings: TrackerSettings;
  readonly #motion: BoxMotion;
  /** By class, once there were two. */
  #votes: Map<number, number> | null = null;

  constructor(settings: TrackerSettings, { detection, index }: Candidate, timeS: number) {
    this.#settings = settings;
    this.#motion = new BoxMotion(settings.noise, detection.bbox);
    this.classId = detection.class_id;
    this.firstSeenS = this.lastSeenS = timeS;
    this.box = this.seenBox = this.lastBox = detection.bbox;
    this.confidence = detection.confidence;
    this.detectionIndex = index;
  }

  /** None while it has no id. */
  snapshot(): Track[] {
    const { id, classId, box, confidence, firstSeenS, lastSeenS, detectionIndex } = this;
    if (id === null) return [];
    const { recentS, coastingPart } = this.#settings;
    const isVisible = this.unseenS <= Math.min(recentS, coastingPart * (lastSeenS - firstSeenS)) + TIME_TOLERANCE_S;
    return [{ id, classId, box, confidence, firstSeenS, lastSeenS, detectionIndex, isVisible }];
  }

  predict(elapsedS: number): void {
    this.#motion.predict(elapsedS);
    this.box = this.#motion.box();
    this.unseenS += elapsedS;
    this.detectionIndex = null;
    this.seenBox = null;
  }

  see({ detection, index }: Candidate, timeS: number): void {
    this.#motion.correct(detection.bbox, detection.confidence);
    this.box = this.#motion.box();
    this.confidence = detection.confidence;
    this.lastSeenS = timeS;
    this.unseenS = 0;
    this.detectionIndex = index;
    this.seenBox = this.lastBox = detection.bbox;
    this.#vote(detection);
  }

  /** What it looked like in a look that it was seen in. */
  describe(vector: Appearance): void {
    this.gallery.add(vector);
    this.askedS = -Infinity;
  }

  /** It is the one who was hidden. */
  resume(before: ObjectTrack): void {
    this.id = before.id;
    this.firstSeenS = before.firstSeenS;
    this.gallery.follow(before.gallery);
  }

  /** It is what it was called most, the surer the more, lately rather than long ago. */
  #vote({ class_id: classId, confidence }: TrackableDetection): void {
    if (this.#votes === null && classId === this.classId) return;
    this.#votes ??= new Map([[this.classId, 1]]);
    for (const [known, votes] of this.#votes) this.#votes.set(known, VOTES_KEPT * votes);
    this.#votes.set(classId, (this.#votes.get(classId) ?? 0) + confidence);
    for (const [known, votes] of this.#votes) if (votes > this.#votes.get(this.classId)!) this.classId = known;
  }
}
