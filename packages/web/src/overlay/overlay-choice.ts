// What of the overlay this browser's user wants to see. It filters what is drawn, never what is looked at or recorded.
import type { Detection, SceneConfig } from '@ruth/protocol';
import { useStoredChoice } from '../stored-choice.ts';
import { isMasked } from './scene-places.ts';

export interface OverlayChoice {
  readonly boxes: boolean;
  readonly labels: boolean;
  readonly skeletons: boolean;
  /** The way that a track has come. */
  readonly tails: boolean;
  /** Zones, lines and masks of the camera. */
  readonly scene: boolean;
  /** What masks of the camera hide, and nothing is told of. */
  readonly masked: boolean;
  /** Only what is at least this sure, 0..1. */
  readonly threshold: number;
  /** 0..1 */
  readonly opacity: number;
  readonly hiddenClasses: readonly string[];
}

export const EVERYTHING: OverlayChoice = { boxes: true, labels: true, skeletons: true, tails: false, scene: true, masked: false, threshold: 0, opacity: 1, hiddenClasses: [] };

export function isWanted(detection: Detection, { threshold, hiddenClasses, masked }: OverlayChoice, scene: SceneConfig = {}): boolean {
  return detection.confidence >= threshold && !hiddenClasses.includes(detection.class_name) && (masked || !isMasked(detection, scene));
}

/** How many of its parts differ from what is shown unless told. */
export function changesOf(choice: OverlayChoice): number {
  return (Object.keys(EVERYTHING) as (keyof OverlayChoice)[]).filter((key) => (key === 'hiddenClasses' ? choice.hiddenClasses.length > 0 : choice[key] !== EVERYTHING[key])).length;
}

/** One for all cameras. What an older page kept may lack parts. */
export function useOverlayChoice(): [OverlayChoice, (change: Partial<OverlayChoice>) => void] {
  const [stored, setStored] = useStoredChoice<Partial<OverlayChoice>>('ruth.overlay', EVERYTHING);
  const choice = { ...EVERYTHING, ...stored };
  return [choice, (change) => setStored({ ...choice, ...change })];
}
