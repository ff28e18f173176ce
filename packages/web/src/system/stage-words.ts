// The stages of a look, in words.
import type { LookStage } from '@ruth/protocol';

export const STAGE_WORDS: Record<LookStage, string> = {
  published: 'Decode and publish', due: 'Notice the frame', dispatched: 'Wait for a turn', queued: 'Wait in the container', preprocessed: 'Prepare the picture',
  inferred: 'Infer', answered: 'Post-process and answer', tracked: 'Track', emitted: 'Emit',
};
