// Doubtful detections carry known tracks on and begin none (tracker.ts), so models that detect are asked for them too. Nobody else sees them:
// what is less sure than the threshold that was set is not in the look that is told.
import type { InferConfig } from '@ruth/protocol';

/** Of the threshold: CenterNet's .40 becomes .25, with which it tracks best (docs/design/tracking.md). */
const DOUBTFUL_PART = 0.625;

/** The config to ask with. `described`: the model's own threshold; where nobody says one it is not known what is doubtful. */
export function withDoubtful(config: InferConfig, described: number | null | undefined): InferConfig {
  const confident = config.confidence_threshold ?? described;
  return confident == null || described == null ? config : { ...config, confidence_threshold: DOUBTFUL_PART * confident };
}
