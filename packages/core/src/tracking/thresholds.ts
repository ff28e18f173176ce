// How sure a model must be of what it found. A track begins only with what it is rather sure of; doubtful detections carry known tracks on and begin
// none (tracker.ts), so models that detect are asked for them too. Nobody else sees those: what is below the threshold is not in the look that is told.
import type { InferConfig } from '@ruth/protocol';

/** 0..1. */
export interface Thresholds {
  /** From here on a detection is in the look that is told. */
  readonly told: number;
  /** From here on it may begin a track, and be taken by a lost one. */
  readonly begins: number;
}

/** Of a model that has left out itself what nobody asked for: all that it reports may begin a track. */
export const NO_THRESHOLDS: Thresholds = { told: 0, begins: 0 };

/** Models that tell more than this (YOLO's .25) tell what is better drawn than followed: boxes that come and go (docs/design/tracking.md). */
const LEAST_TO_BEGIN = 0.4;
/** Of the threshold: CenterNet's .40 becomes .25, with which it tracks best. */
const DOUBTFUL_PART = 0.625;

/** `described`: the model's own threshold; where nobody says one it is not known what is doubtful. What a subscription sets counts as it stands. */
export function thresholdsOf({ confidence_threshold: set }: InferConfig, described: number | null | undefined): Thresholds {
  if (described == null) return NO_THRESHOLDS;
  return set === undefined ? { told: described, begins: Math.max(described, LEAST_TO_BEGIN) } : { told: set, begins: set };
}

/** The config to ask with. */
export function withDoubtful(config: InferConfig, described: number | null | undefined): InferConfig {
  return described == null ? config : { ...config, confidence_threshold: DOUBTFUL_PART * thresholdsOf(config, described).told };
}
