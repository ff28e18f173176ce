// What a tracker goes by: few settings, each with a meaning in seconds, in sizes of the object, or in confidence.
import type { MotionNoise } from './motion.ts';

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
  readonly appearance: AppearanceSettings;
}

export interface AppearanceSettings {
  /** From this cosine on, 0..1, two vectors may be of one thing, */
  readonly alike: number;
  /** where nobody else who could have come there is as much alike, less this. */
  readonly ahead: number;
  /** How often a track is described. */
  readonly everyS: number;
  /** What another box covers by more than this share is not described: the vector would be of both. */
  readonly covered: number;
  /** How long an id waits for a vector that was asked for. */
  readonly heldS: number;
  /** How far a hidden thing may come, in its own heights: at once, and with each second. */
  readonly reach: number;
  readonly reachPerS: number;
}

/** One for every detector, frame rate and place; how they were found, and what moves when they move: docs/design/tracking.md. */
export const TRACKER_DEFAULTS: TrackerSettings = {
  confident: 0.6, doubtful: 0.2, likeness: 0.25, doubtfulLikeness: 0.3, duplicateIou: 0.35,
  recentS: 0.25, coastingPart: 0.25, lostS: 4, marginPerS: 0.3, freshMarginPerS: 0.9,
  noise: { measurement: 0.1, initialSpeed: 1.5, acceleration: 0.8, growth: 0.2 },
  appearance: { alike: 0.7, ahead: 0.05, everyS: 2, covered: 0.5, heldS: 0.5, reach: 1, reachPerS: 1.5 },
};
