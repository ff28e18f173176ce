// Identity metrics: the best one-to-one pairing of true objects with tracks over the whole sequence.
// Source: Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, 2016.
import { assign, UNPAIRED } from '@ruth/core';
import { EPSILON, type Comparison } from './comparison.ts';

export interface IdentityMetrics {
  /** 2 * truly identified / (true boxes + tracked boxes). */
  readonly idf1: number;
  readonly identified: number;
}

const OVERLAP_THRESHOLD = 0.5;

export function identityMetrics({ frames, truthCount, trackCount }: Comparison): IdentityMetrics {
  const together = new Float64Array(truthCount * trackCount);
  let boxes = 0;
  for (const { truth, tracked, overlap } of frames) {
    boxes += truth.length + tracked.length;
    truth.forEach((object, row) => tracked.forEach((track, column) => {
      if (overlap[row * tracked.length + column]! < OVERLAP_THRESHOLD - EPSILON) return;
      const index = object * trackCount + track;
      together[index] = together[index]! + 1;
    }));
  }
  // Unpaired, an object misses all its boxes and a track is false in all of its own, so each common box gains the same.
  let identified = 0;
  assign(truthCount, trackCount, together).forEach((track, object) => {
    if (track !== UNPAIRED) identified += together[object * trackCount + track]!;
  });
  return { idf1: boxes === 0 ? 0 : 2 * identified / boxes, identified };
}
