// Turns the detections of one camera and model, look after look, into tracks with stable ids. Pure: time comes with each
// look, nothing is waited for, read or written. Two rounds of pairing, confident detections first, so that doubtful ones
// may only carry on what is known. Source: Zhang et al., ByteTrack, ECCV 2022; motion and likeness: their own files.
import type { Box } from '@ruth/protocol';
import { assign, UNPAIRED } from './assignment.ts';
import { ObjectTrack, TIME_TOLERANCE_S, type Candidate, type Track, type TrackableDetection } from './object-track.ts';
import { bufferedIou, likeness } from './overlap.ts';
import { Reidentification, type Wanted } from './reidentification.ts';
import { TRACKER_DEFAULTS, type TrackerSettings } from './tracker-settings.ts';

/** More than any scene has: what a broken model may cost. The most confident detections are kept. */
const MAX_DETECTIONS = 256;
const MAX_TRACKS = 256;
/** A model may call one thing a car in one look and a truck in the next: a box of another class is taken where it is so much alike, */
const LIKENESS_ACROSS_CLASSES = 0.5;
/** and one of the same class is there for no other. */
const ACROSS_CLASSES = 0.5;
/** Two classes for one box: what overlaps more is one thing. A person in a car or on a bicycle overlaps less. */
const DUPLICATE_IOU_ACROSS_CLASSES = 0.7;
/** In any unit: what is thinner is no box, and its noise would round to nothing. */
const LEAST_SIZE = 1e-6;

export class Tracker {
  readonly #settings: TrackerSettings;
  readonly #reidentification: Reidentification;
  #tracks: ObjectTrack[] = [];
  #nextId = 1;
  #timeS = -Infinity;
  #identitiesKept = 0;
  /** Of all that was found in the last look. */
  #seenBoxes: readonly Box[] = [];

  constructor(settings: TrackerSettings = TRACKER_DEFAULTS) {
    this.#settings = settings;
    this.#reidentification = new Reidentification(settings.appearance);
  }

  /** How many were known again by what they look like. */
  get identitiesKept(): number { return this.#identitiesKept; }

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
    this.#identify(unconfirmed);
    for (const candidate of fresh) this.#begin(candidate);
    this.#seenBoxes = found.map(({ detection }) => detection.bbox);

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

  /** Whose appearance in the last look would help; see `Reidentification`. */
  wanted(): Wanted[] { return this.#reidentification.wanted(this.#tracks, this.#seenBoxes, this.#timeS); }

  /** The vectors of these will come, perhaps. */
  asked(wanted: readonly Wanted[]): void {
    for (const { subject } of wanted) subject.describedS = subject.askedS = this.#timeS;
  }

  /** Gives ids to those who were seen a second time: that of one who was hidden, where it looks like them, or a new one. */
  #identify(unconfirmed: readonly ObjectTrack[]): void {
    for (const track of unconfirmed) {
      if (track.detectionIndex === null || this.#reidentification.isAwaited(track, this.#timeS)) continue;
      const hidden = this.#reidentification.whoIs(track, this.#tracks);
      if (hidden) {
        track.resume(hidden);
        this.#tracks.splice(this.#tracks.indexOf(hidden), 1);
        this.#identitiesKept++;
      } else track.id = this.#nextId++;
    }
  }

  /** Ends all tracks: what comes next has nothing to do with what came before. Ids go on. */
  reset(): void {
    this.#tracks = [];
    this.#timeS = -Infinity;
  }

  /** Gives tracks their detections. Returns those that no track took. */
  #pair(tracks: readonly ObjectTrack[], found: readonly Candidate[], least: number): readonly Candidate[] {
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
      taken.add(column);
    });
    return found.filter((_, column) => !taken.has(column));
  }

  #begin(candidate: Candidate): void {
    const { class_id: classId, bbox } = candidate.detection;
    const isDuplicate = this.#tracks.some((track) => track.seenBox !== null && (track.id !== null || track.lastSeenS > track.firstSeenS)
      && bufferedIou(track.seenBox, bbox) > (track.classId === classId ? this.#settings.duplicateIou : DUPLICATE_IOU_ACROSS_CLASSES));
    if (!isDuplicate && this.#tracks.length < MAX_TRACKS) this.#tracks.push(new ObjectTrack(this.#settings, candidate, this.#timeS));
  }
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
