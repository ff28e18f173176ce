// How many blows a run of chaos strikes, and the random numbers by which it does: RUTH_CHAOS_BLOWS and RUTH_CHAOS_SEED repeat a run.
import { createHash } from 'node:crypto';

export interface SeededRun {
  readonly blows: number;
  readonly seed: number;
  /** 0 to 1. */
  readonly random: () => number;
}

export function seededRun(usualBlows: number): SeededRun {
  const seed = Number(process.env.RUTH_CHAOS_SEED ?? Date.now() % 1e6);
  let drawn = 0;
  return {
    blows: Number(process.env.RUTH_CHAOS_BLOWS ?? usualBlows), seed,
    random: () => createHash('sha256').update(`${seed} ${drawn++}`).digest().readUInt32BE() / 2 ** 32,
  };
}
