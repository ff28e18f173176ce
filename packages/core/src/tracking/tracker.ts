// Turns the detections of one camera and model, look after look, into tracks with stable ids. Pure: time comes with each
// look, nothing is waited for, read or written. Two rounds of pairing, confident detections first, so that doubtful ones
// may only carry on what is known. Source: Zhang et al., ByteTrack, ECCV 2022; motion and likeness: their own files.
import type { Box, Detection } from '@ruth/protocol';
import { assign, UNPAIRED } from './assignment.ts';
import { BoxMotion, type MotionNoise } from './motion.ts';
import { bufferedIou, likeness } from './overlap.ts';

export type TrackableDetection = Pick<Detection, 'class_id' | 'confidence' | 'bbox'>;

/** Confidences and likenesses are 0..1. */
export interface TrackerSettings {
  /** From here on a detection may begin a track, and be taken by a lost one. */
  readonly confident: number;
  /** From here on a detection may carry on a track that was seen a moment ago. */
  readonly doubtful: number;
  /** How alike a track and a detection must be to be one object. */
  readonly likeness: number;
  readonly doubtfulLikeness: number;
  /** A detection that overlaps this much with an object already found in the same look begins no track. */
  readonly duplicateIou: number;
  /** What "a moment ago" is: so long a track goes on without being seen, and an unconfirmed one lives. */
  readonly recentS: number;
  /** Unseen, a track is shown for at most this part of the time it was seen for. */
  readonly coastingPart: number;
  /** A track that was not seen for longer has ended. */
  readonly lostS: number;
  /** How far boxes are widened before they are compared, in their own size for each second unseen. */
  readonly marginPerS: number;
  /** The same for what was seen only once, whose speed nobody knows. */
  readonly freshMarginPerS: number;
  readonly noise: MotionNoise;
}

/** One for every detector, frame rate and place; how they were found, and what moves when they move: docs/design/tracking.md. */
export const TRACKER_DEFAULTS: TrackerSettings = {
  confident: 0.6, doubtful: 0.2, likeness: 0.25, doubtfulLikeness: 0.3, duplicateIou: 0.35,
  recentS: 0.25, coastingPart: 0.25, lostS: 4, marginPerS: 0.3, freshMarginPerS: 0.9,
  noise: { measurement: 0.1, initialSpeed: 1.5, acceleration: 0.8, growth: 0.2 },
};

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

/** More than any scene has: what a broken model may cost. The most confident detections are kept. */
const MAX_DETECTIONS = 256;
const MAX_TRACKS = 256;
/** A model may call one thing a car in one look and a truck in the next: a box of another class is taken where it is so much alike, */
const LIKENESS_ACROSS_CLASSES = 0.5;
/** and one of the same class is there for no other. */
const ACROSS_CLASSES = 0.5;
/** Two classes for one box: what overlaps more is one thing. A person in a car or on a bicycle overlaps less. */
const DUPLICATE_IOU_ACROSS_CLASSES = 0.7;
/** What stays of a class's votes with each look. */
const VOTES_KEPT = 0.95;
/** In any unit: what is thinner is no box, and its noise would round to nothing. */
const LEAST_SIZE = 1e-6;
/** Rounding of times that are sums. */
const TIME_TOLERANCE_S = 1e-6;

export class Tracker {
  readonly #settings: TrackerSettings;
  #tracks: MutableTrack[] = [];
  #nextId = 1;
  #timeS = -Infinity;

  constructor(settings: TrackerSettings = TRACKER_DEFAULTS) {
    this.#settings = settings;
  }

  /**
   * Takes what was seen at `timeS` (seconds of any clock that runs evenly; a time that goes back starts over) and returns
   * the tracks that live, lost ones among them. A track that is no longer returned has ended. Boxes without area are ignored.
   * `confident`: that of the settings unless told.
   */
  update(detections: readonly TrackableDetection[], timeS: number, confident = this.#settings.confident): readonly Track[] {
    if (timeS < this.#timeS) this.reset();
    const { doubtful, recentS, lostS } = this.#settings;
    const elapsedS = Number.isFinite(this.#timeS) ? timeS - this.#timeS : 0;
    this.#timeS = timeS;
    for (const track of this.#tracks) track.predict(elapsedS);

    const found = candidates(detections, doubtful);
    const known = this.#tracks.filter((track) => track.id !== null);
    const unconfirmed = this.#tracks.filter((track) => track.id === null);
    const sure = this.#pair(known, found.filter(({ detection }) => detection.confidence >= confident), this.#settings.likeness);
    const recent = known.filter((track) => track.detectionIndex === null && track.unseenS - elapsedS <= recentS + TIME_TOLERANCE_S);
    this.#pair(recent, found.filter(({ detection }) => detection.confidence < confident), this.#settings.doubtfulLikeness);
    const fresh = this.#pair(unconfirmed, sure, this.#settings.likeness);
    for (const candidate of fresh) this.#begin(candidate);

    this.#tracks = this.#tracks.filter((track) => track.unseenS <= (track.id === null ? recentS : lostS) + TIME_TOLERANCE_S);
    return this.#tracks.flatMap((track) => track.snapshot());
  }

  /** Nothing moved until `timeS`: what was seen in the last look has not aged, nor gone anywhere; what was not is unseen for longer. */
  hold(timeS: number): void {
    const elapsedS = timeS - this.#timeS;
    if (!(elapsedS > 0 && Number.isFinite(elapsedS))) return;
    this.#timeS = timeS;
    for (const track of this.#tracks) if (track.detectionIndex === null) track.unseenS += elapsedS;
  }

  /** Ends all tracks: what comes next has nothing to do with what came before. Ids go on. */
  reset(): void {
    this.#tracks = [];
    this.#timeS = -Infinity;
  }

  /** Gives tracks their detections. Returns those that no track took. */
  #pair(tracks: readonly MutableTrack[], found: readonly Candidate[], least: number): readonly Candidate[] {
    if (tracks.length === 0 || found.length === 0) return found;
    const { marginPerS, freshMarginPerS } = this.#settings;
    const gains = new Float64Array(tracks.length * found.length);
    tracks.forEach((track, row) => {
      const margin = (track.id === null ? freshMarginPerS : marginPerS) * track.unseenS;
      found.forEach(({ detection }, column) => {
        const alike = likeness(track.box, detection.bbox, margin);
        if (detection.class_id === track.classId) gains[row * found.length + column] = alike - least;
        else if (alike >= LIKENESS_ACROSS_CLASSES) gains[row * found.length + column] = ACROSS_CLASSES * (alike - least);
      });
    });
    const taken = new Set<number>();
    assign(tracks.length, found.length, gains).forEach((column, row) => {
      if (column === UNPAIRED) return;
      const track = tracks[row]!;
      track.see(found[column]!, this.#timeS);
      track.id ??= this.#nextId++;
      taken.add(column);
    });
    return found.filter((_, column) => !taken.has(column));
  }

  #begin(candidate: Candidate): void {
    const { class_id: classId, bbox } = candidate.detection;
    const isDuplicate = this.#tracks.some((track) => track.id !== null && track.seenBox !== null
      && bufferedIou(track.seenBox, bbox) > (track.classId === classId ? this.#settings.duplicateIou : DUPLICATE_IOU_ACROSS_CLASSES));
    if (!isDuplicate && this.#tracks.length < MAX_TRACKS) this.#tracks.push(new MutableTrack(this.#settings, candidate, this.#timeS));
  }
}

interface Candidate {
  readonly detection: TrackableDetection;
  readonly index: number;
}

function candidates(detections: readonly TrackableDetection[], least: number): Candidate[] {
  const found: Candidate[] = [];
  detections.forEach((detection, index) => {
    const [left, top, right, bottom] = detection.bbox;
    if (detection.confidence >= least && right - left >= LEAST_SIZE && bottom - top >= LEAST_SIZE) found.push({ detection, index });
  });
  if (found.length <= MAX_DETECTIONS) return found;
  return found.sort((a, b) => b.detection.confidence - a.detection.confidence).slice(0, MAX_DETECTIONS);
}

class MutableTrack {
  /** Null until it was seen a second time: one detection alone may be anything. */
  id: number | null = null;
  classId: number;
  readonly firstSeenS: number;
  box: Box;
  confidence: number;
  lastSeenS: number;
  detectionIndex: number | null;
  /** As it was detected in this look. */
  seenBox: Box | null;
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
    this.box = this.seenBox = detection.bbox;
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
    this.seenBox = detection.bbox;
    this.#vote(detection);
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
