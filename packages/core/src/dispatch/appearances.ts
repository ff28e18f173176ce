// Whose appearance the tracks of a model would be helped by, for the subscription that asks for it.
import type { Box, Detection } from '@ruth/protocol';

export interface Appearances {
  /** What to describe of a frame that the model has just looked at. */
  wanted(modelId: string, frameId: number): readonly Detection[];
  /** These are being asked for. */
  asked(modelId: string, frameId: number, boxes: readonly Box[]): void;
  /** Tracks of the model that were known again so. */
  identitiesKept(modelId: string): number;
}
