// How alike two boxes are, 0..1.
import type { Box } from '@ruth/protocol';

/**
 * Intersection over union, each box first widened on every side by `margin` of its own width and height, so that what
 * moved further than its own size between two looks still meets. Source: Yang et al., C-BIoU, WACV 2023.
 */
export function bufferedIou(a: Box, b: Box, margin = 0): number {
  const widthA = a[2] - a[0];
  const heightA = a[3] - a[1];
  const widthB = b[2] - b[0];
  const heightB = b[3] - b[1];
  const width = Math.min(a[2] + margin * widthA, b[2] + margin * widthB) - Math.max(a[0] - margin * widthA, b[0] - margin * widthB);
  const height = Math.min(a[3] + margin * heightA, b[3] + margin * heightB) - Math.max(a[1] - margin * heightA, b[1] - margin * heightB);
  if (width <= 0 || height <= 0) return 0;
  const common = width * height;
  return common / ((widthA * heightA + widthB * heightB) * (1 + 2 * margin) ** 2 - common);
}

/**
 * The same, times the square of the overlap in height alone: neighbours in a crowd differ in where they stand and how
 * tall they are more than in where they are across. Source: Yang et al., Hybrid-SORT (height-modulated IoU), AAAI 2024.
 */
export function likeness(a: Box, b: Box, margin: number): number {
  const common = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (common <= 0) return 0;
  const heightOverlap = common / (Math.max(a[3], b[3]) - Math.min(a[1], b[1]));
  return bufferedIou(a, b, margin) * heightOverlap ** 2;
}

/** The share of `a` that `b` covers, 0..1. */
export function coverage(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : width * height / ((a[2] - a[0]) * (a[3] - a[1]));
}

/** Of their centres, in the unit of the boxes. */
export function centreDistance(a: Box, b: Box): number {
  return Math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2;
}
