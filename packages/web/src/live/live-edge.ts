// Keeps playback a set delay behind the newest picture: gently by rate, by a jump where it is far off.

export interface EdgeView {
  readonly currentTimeS: number;
  /** Buffered ranges in order, seconds. */
  readonly buffered: readonly { readonly startS: number; readonly endS: number }[];
  readonly targetDelayS: number;
  readonly rate: number;
  /** How much farther behind than the target it may be before it jumps. */
  readonly jumpBeyondS: number;
}

export interface EdgeStep {
  /** Where to jump to, or null where playback may go on. */
  readonly seekToS: number | null;
  readonly rate: number;
}

export function followLiveEdge({ currentTimeS, buffered, targetDelayS, rate, jumpBeyondS }: EdgeView): EdgeStep {
  const newest = buffered.at(-1);
  if (!newest) return { seekToS: null, rate: 1 };
  const delayS = newest.endS - currentTimeS;
  if (currentTimeS < newest.startS - 0.02 || delayS < -0.1 || delayS > targetDelayS + jumpBeyondS) {
    return { seekToS: Math.max(newest.startS, newest.endS - targetDelayS), rate: 1 };
  }
  // Once it corrects, it does so until the delay is right, else the rate would flutter.
  if (delayS > targetDelayS + (rate > 1 ? 0 : 0.2)) return { seekToS: null, rate: delayS > targetDelayS + 1 ? 1.1 : 1.05 };
  if (delayS < targetDelayS * (rate < 1 ? 0.9 : 0.4)) return { seekToS: null, rate: delayS < targetDelayS - 0.5 ? 0.85 : 0.95 };
  return { seekToS: null, rate: 1 };
}
