// What is understood of what a model saw last, for who decides whether to look again.
import type { CameraFrame } from '../camera-frame.ts';

export interface Stillness {
  /** Whether the track stands still, by the looks of the model that found it. */
  isStationary(modelId: string, trackId: number): boolean;
  /** Whether all that the model's last look told stands still. */
  isAtRest(modelId: string): boolean;
  /** Nothing moves in that frame, and all that the model saw is at rest: all is as it was, also without a look. */
  onStill(modelId: string, frame: CameraFrame): void;
}
