// How much of a stream must be decoded so that as many frames come out as are wanted. Pure.
import type { DecodeLevel } from '@ruth/protocol';
import type { RateMeter } from '../ingest/rate-meter.ts';
import type { StreamRates } from '../ingest/stream-rates.ts';

/** A camera that sends a keyframe a second keeps this rate only nearly. */
const TOLERANCE = 1.05;
/** Below this share of references the rest is worth leaving out. */
const WORTHWHILE_SHARE = 0.95;

/** The least level that gives `fps` frames a second. While a rate is not yet known, nothing is left out by it. */
export function decodeLevel(fps: number, rates: StreamRates): DecodeLevel {
  if (fps <= 0) return 'none';
  if (fps <= (rates.keyframes.perSecond ?? 0) * TOLERANCE) return 'keyframes';
  const { frames, references } = rates;
  const spare = (references.perSecond ?? Infinity) < (frames.perSecond ?? 0) * WORTHWHILE_SHARE;
  // Not their mean: between two of them there must never be a longer time than between two frames that are wanted.
  return spare && fps <= (references.leastPerSecond ?? 0) * TOLERANCE ? 'reference' : 'all';
}

/** What comes out of the decoder at this level. */
export function decodedRate(level: DecodeLevel, rates: StreamRates): RateMeter {
  return level === 'keyframes' ? rates.keyframes : level === 'reference' ? rates.references : rates.frames;
}
