// Whether a look is worth its inference: something moved in the picture, or moved just now, or has not been looked at for long. Each
// block is compared with its own background, which follows slowly; a change of the light of the whole picture is none.
// In doubt it lets the look pass.
import type { MaskConfig, MotionConfig, Point } from '@ruth/protocol';
import { SAMPLES, type LumaGrid } from './luma-grid.ts';

const DEFAULTS = { sensitivity: 50, warm_up_s: 5, hold_s: 2, forced_look_s: 10 } as const;
/** Levels of luma by which a block differs where it moves, at sensitivity 0 and 100. */
const LEVELS = { least: 3, most: 19 } as const;
/** A background follows what is there within so many seconds, where it does not move and where it does. */
const FOLLOWS_S = 2;
const FOLLOWS_MOTION_S = 5;
const NOISE_FOLLOWS_S = 15;
/** In mean deviations of a block from its background: below that it is noise. */
const NOISE_FACTOR = 4;
/** Of what is read of a block, noise raises its level at most so many times. */
const NOISE_LIMIT = 2;
/** One block in so many tells the light of the picture; coprime to the columns, so that all of the picture is heard. */
const GAIN_STEP = 7;
const MOST_GAIN = 4;
const RATIO_STEPS = 512;
/** Adjacent blocks that must move together. */
const LEAST_BLOCKS = 2;
/** While something is there that may move it is looked at so often, or it would be lost. */
const PRESENT_LOOK_S = 1;
/** Most of the picture changed at once: the camera turned, or a light went on. */
const SCENE_CHANGE_SHARE = 0.6;

export type MotionVerdict = 'warm_up' | 'motion' | 'hold' | 'forced' | 'still';

export class MotionGate {
  readonly #threshold: number;
  readonly #warmUpS: number;
  readonly #holdS: number;
  readonly #forcedLookS: number;
  readonly #stationaryLookS: number;
  readonly #masks: readonly (readonly Point[])[];
  #grid: { readonly columns: number; readonly rows: number } | null = null;
  #counts: Uint8Array = new Uint8Array(0);
  #moved = new Uint8Array(0);
  #background = new Float32Array(0);
  #noise = new Float32Array(0);
  readonly #ratios = new Uint32Array(MOST_GAIN * RATIO_STEPS + 1);
  #startedS = 0;
  #lastS = 0;
  #movedS = -Infinity;
  #lookedS = -Infinity;
  #isPresent = false;

  constructor(config: MotionConfig, masks: readonly MaskConfig[] = []) {
    const { sensitivity = DEFAULTS.sensitivity, warm_up_s: warmUpS = DEFAULTS.warm_up_s, hold_s: holdS = DEFAULTS.hold_s, forced_look_s: forcedLookS = DEFAULTS.forced_look_s } = config;
    this.#threshold = (LEVELS.most - (LEVELS.most - LEVELS.least) * sensitivity / 100) * SAMPLES;
    this.#warmUpS = warmUpS;
    this.#holdS = holdS;
    this.#forcedLookS = forcedLookS;
    this.#stationaryLookS = config.stationary_look_s ?? forcedLookS;
    this.#masks = masks.filter(({ hides }) => hides?.includes('motion') ?? true).map(({ polygon }) => polygon);
  }

  /** To be asked with each due frame, in order. `nowS`: seconds of the stream; `isAtRest`: all that the last look saw stands still. Everything but `still` is to be looked at. */
  judge(grid: LumaGrid, nowS: number, isAtRest = false): MotionVerdict {
    if (grid.columns !== this.#grid?.columns || grid.rows !== this.#grid.rows || nowS < this.#lastS) this.#begin(grid, nowS);
    const sinceS = nowS - this.#lastS;
    this.#lastS = nowS;
    const moves = this.#compare(grid.sums, sinceS);
    if (moves) this.#movedS = nowS;
    const verdict = nowS - this.#startedS < this.#warmUpS ? 'warm_up' : moves ? 'motion' : nowS - this.#movedS <= this.#holdS ? 'hold'
      : nowS - this.#lookedS >= this.#mostS(isAtRest) ? 'forced' : 'still';
    if (verdict !== 'still') this.#lookedS = nowS;
    return verdict;
  }

  #mostS(isAtRest: boolean): number {
    if (!this.#isPresent) return this.#forcedLookS;
    return isAtRest ? this.#stationaryLookS : Math.min(PRESENT_LOOK_S, this.#forcedLookS);
  }

  /** Whether the last look saw anything. */
  saw(anything: boolean): void {
    this.#isPresent = anything;
  }

  #begin(grid: LumaGrid, nowS: number): void {
    this.#grid = { columns: grid.columns, rows: grid.rows };
    this.#counts = grid.outside(this.#masks);
    this.#moved = new Uint8Array(grid.sums.length);
    this.#background = Float32Array.from(grid.sums);
    this.#noise = new Float32Array(grid.sums.length);
    this.#startedS = this.#lastS = nowS;
    this.#movedS = this.#lookedS = -Infinity;
  }

  #compare(sums: Uint16Array, sinceS: number): boolean {
    const [background, noise, counts, moved] = [this.#background, this.#noise, this.#counts, this.#moved];
    const [follows, followsMotion, noiseFollows] = [FOLLOWS_S, FOLLOWS_MOTION_S, NOISE_FOLLOWS_S].map((seconds) => 1 - Math.exp(-sinceS / seconds)) as [number, number, number];
    const [threshold, noisiest] = [this.#threshold, this.#threshold * NOISE_LIMIT];
    const gain = this.#gain(sums);
    let total = 0;
    for (let index = 0; index < sums.length; index++) {
      const sum = sums[index]!;
      const before = background[index]!;
      const difference = sum - before * gain;
      const size = difference < 0 ? -difference : difference;
      const deviation = noise[index]!;
      // Most blocks are far below the threshold: what noise makes of it need not be known.
      if (size > threshold && (size > noisiest || size > NOISE_FACTOR * deviation)) {
        moved[index] = counts[index]!;
        total++;
        background[index] = before + (sum - before) * followsMotion;
        noise[index] = deviation + (threshold - deviation) * noiseFollows;
      } else {
        moved[index] = 0;
        background[index] = before + (sum - before) * follows;
        noise[index] = deviation + ((size < threshold ? size : threshold) - deviation) * noiseFollows;
      }
    }
    // All of it is another picture: that is to be looked at, and learnt at once.
    if (total > SCENE_CHANGE_SHARE * sums.length) background.set(sums);
    return this.#hasNeighbours();
  }

  /** By how much most blocks are brighter than their background, as the light or the camera's exposure changes: the median of some, by a histogram. */
  #gain(sums: Uint16Array): number {
    const histogram = this.#ratios.fill(0);
    const background = this.#background;
    let rest = 0;
    for (let index = 0; index < sums.length; index += GAIN_STEP, rest += 0.5) {
      const ratio = sums[index]! / (background[index]! + 1) * RATIO_STEPS + 0.5;
      histogram[ratio < MOST_GAIN * RATIO_STEPS ? ratio | 0 : MOST_GAIN * RATIO_STEPS]!++;
    }
    let at = 0;
    while ((rest -= histogram[at]!) > 0) at++;
    return at / RATIO_STEPS;
  }

  /** Whether enough blocks moved that touch one another: one alone is noise. */
  #hasNeighbours(): boolean {
    const moved = this.#moved;
    const { columns, rows } = this.#grid!;
    let together = 0;
    for (let index = 0; index < moved.length; index++) {
      if (moved[index] === 0) continue;
      const column = index % columns;
      const touches = (column > 0 && moved[index - 1]!) || (column < columns - 1 && moved[index + 1]!) || moved[index - columns]! || (index < columns * (rows - 1) && moved[index + columns]!);
      if (touches && ++together >= LEAST_BLOCKS) return true;
    }
    return false;
  }
}
