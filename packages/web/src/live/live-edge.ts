// Keeps playback a set lag behind the present: gently by rate, by a jump where it is far off. A lag is the present less the
// media time that is shown, by a clock of one's own; unlike the distance to what is buffered it does not jump with each picture.

export interface EdgeView {
  readonly currentTimeS: number;
  /** Buffered ranges in order, seconds. */
  readonly buffered: readonly { readonly startS: number; readonly endS: number }[];
  /** The present, seconds. */
  readonly nowS: number;
  readonly targetLagS: number;
  readonly rate: number;
  /** How much farther behind than the target it may be before it jumps. */
  readonly jumpBeyondS: number;
}

export interface EdgeStep {
  /** Where to jump to, or null where playback may go on. */
  readonly seekToS: number | null;
  readonly rate: number;
}

/** It begins to correct when it is off by more than the first, and does so until it is by less than the second. */
const CORRECT_BEYOND_S = 0.04;
const CORRECT_UNTIL_S = 0.01;
/** What is off is gone in about so long, if the rate may. */
const CORRECT_WITHIN_S = 2;
const MAX_HURRY = 0.1;
const MAX_DALLY = 0.15;
const RATE_STEP = 0.01;

export function followLiveEdge({ currentTimeS, buffered, nowS, targetLagS, rate, jumpBeyondS }: EdgeView): EdgeStep {
  const newest = buffered.at(-1);
  if (!newest) return { seekToS: null, rate: 1 };
  const wantedS = nowS - targetLagS;
  const behindS = wantedS - currentTimeS;
  // In what is buffered already, and short of its very end, where there is no picture yet.
  const nearestS = Math.max(newest.startS, Math.min(wantedS, newest.endS - 0.02));
  const outside = currentTimeS < newest.startS - 0.02 || currentTimeS > newest.endS + 0.1;
  // Where nothing newer came, it waits where it is.
  if (outside || (behindS > jumpBeyondS && nearestS > currentTimeS)) return { seekToS: nearestS, rate: 1 };
  if (Math.abs(behindS) < (rate === 1 ? CORRECT_BEYOND_S : CORRECT_UNTIL_S)) return { seekToS: null, rate: 1 };
  const change = Math.max(-MAX_DALLY, Math.min(MAX_HURRY, behindS / CORRECT_WITHIN_S));
  // Never 1: it is off.
  const steps = Math.sign(change) * Math.max(1, Math.round(Math.abs(change) / RATE_STEP));
  return { seekToS: null, rate: 1 + steps * RATE_STEP };
}
