// Which parts of a frame a model looks at that works on regions: the boxes another model found in the same frame.
import type { Box, Detection, RegionsConfig } from '@ruth/protocol';

const DEFAULT_MARGIN = 0.15;
const DEFAULT_MAX_REGIONS = 8;

/** Boxes of the wanted detections, surest first, each widened by the margin on every side and cut at the frame's edge. */
export function regionsOf(detections: readonly Detection[], config: RegionsConfig): Box[] {
  const { classes, min_confidence: minConfidence = 0, margin = DEFAULT_MARGIN, max_regions: maxRegions = DEFAULT_MAX_REGIONS } = config;
  return detections
    .filter(({ class_name, confidence, bbox: [xMin, yMin, xMax, yMax] }) =>
      confidence >= minConfidence && (classes === undefined || classes.includes(class_name)) && xMax > xMin && yMax > yMin)
    .sort((a, b) => b.confidence - a.confidence)
    .slice(0, maxRegions)
    .map(({ bbox: [xMin, yMin, xMax, yMax] }): Box => {
      const byX = (xMax - xMin) * margin;
      const byY = (yMax - yMin) * margin;
      return [Math.max(0, xMin - byX), Math.max(0, yMin - byY), Math.min(1, xMax + byX), Math.min(1, yMax + byY)];
    });
}
