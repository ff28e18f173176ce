// How long an inference may take before its session counts as hung: that is seen within five seconds, but a machine that is busy with others
// is not taken for one. Only a model that takes more than a fifth of a second for a picture is given longer.

const LEAST_MS = 4000;
const TIMES_FIRST = 20;
/** Of a batch, which takes its time by itself: the less likely is it that others were all that came between. */
const TIMES_BATCH = 5;

/** `firstMs`: what the first inference of one picture took. */
export function hangLimitMs(firstMs: number, pictures = 1): number {
  return Math.max(LEAST_MS, TIMES_FIRST * firstMs, TIMES_BATCH * firstMs * pictures);
}
