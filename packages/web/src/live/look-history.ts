// The looks of one model at one camera over the last seconds, and which of them belongs to the picture on the screen.
import type { Look } from '@ruth/protocol';
import { lookAhead, lookBetween } from '../overlay/interpolation.ts';

const KEEP_US = 5_000_000;
const MAX_LOOKS = 256;
/** Between two looks that tell how fast a thing moves, where there are such. */
const BASELINE_US = 150_000;

export class LookHistory {
  #looks: Look[] = [];
  #pushedAtMs = -Infinity;

  get newest(): Look | null { return this.#looks.at(-1) ?? null; }

  /** The newest look, where it came within the last `ageMs`. */
  newestWithin(ageMs: number): Look | null { return performance.now() - this.#pushedAtMs <= ageMs ? this.newest : null; }

  push(look: Look): void {
    this.#looks.push(look);
    this.#pushedAtMs = performance.now();
    const oldestUs = look.pts_us - KEEP_US;
    if (this.#looks.length > MAX_LOOKS || (this.#looks[0]!.epoch === look.epoch && this.#looks[0]!.pts_us < oldestUs)) {
      this.#looks = this.#looks.filter((kept) => kept.epoch !== look.epoch || kept.pts_us >= oldestUs).slice(-MAX_LOOKS);
    }
  }

  /**
   * What the model sees at `ptsUs` of an epoch: between two looks, and a little after the last, what moved is where it would
   * be, else it is the nearest look. Null where none lies within `limitUs`.
   */
  at(ptsUs: number, epoch: number, limitUs: number): Look | null {
    return nearestOf(this.#looks.filter((look) => look.epoch === epoch), ptsUs, limitUs);
  }

  /** Where the lower edge of each track's box was over the last `spanUs` before `ptsUs`, oldest first, by track id. */
  tails(ptsUs: number, epoch: number, spanUs: number): Map<number, (readonly [x: number, y: number])[]> {
    const tails = new Map<number, (readonly [number, number])[]>();
    for (const look of this.#looks) {
      if (look.epoch !== epoch || look.pts_us > ptsUs || look.pts_us < ptsUs - spanUs) continue;
      for (const { track_id: id, bbox: [xMin, , xMax, yMax] } of look.detections) {
        if (typeof id !== 'number') continue;
        const points = tails.get(id) ?? [];
        tails.set(id, points);
        points.push([(xMin + xMax) / 2, yMax]);
      }
    }
    return tails;
  }

  /** Names of the classes that were seen in the looks that are kept. */
  classNames(): Set<string> { return new Set(this.#looks.flatMap(({ detections }) => detections.map(({ class_name }) => class_name))); }

  /** As `at`, by the wall clock, for looks at another stream of the camera. */
  atInstant(capturedAtS: number, limitUs: number): Look | null {
    return nearestOf(this.#looks.map((look) => ({ ...look, pts_us: look.captured_at * 1e6 })), capturedAtS * 1e6, limitUs);
  }
}

function nearestOf(looks: readonly Look[], ptsUs: number, limitUs: number): Look | null {
  let before: Look | null = null;
  let after: Look | null = null;
  for (const look of looks) {
    if (look.pts_us - ptsUs > limitUs) continue;
    if (look.pts_us > ptsUs) {
      if (after === null || look.pts_us < after.pts_us) after = look;
    } else if (before === null || look.pts_us >= before.pts_us) before = look;
  }
  if (before !== null && ptsUs - before.pts_us > limitUs) before = null;
  if (before === null) return after;
  if (after === null) return carriedOn(looks, before, ptsUs, limitUs);
  if (before.error === null && after.error === null) return lookBetween(before, after, ptsUs);
  return ptsUs - before.pts_us <= after.pts_us - ptsUs ? before : after;
}

/** From the last look on, as far as lies between it and an earlier one: neighbours that lie close together would tell the speed badly. */
function carriedOn(looks: readonly Look[], last: Look, ptsUs: number, limitUs: number): Look {
  let earlier: Look | null = null;
  for (const look of looks) {
    const agoUs = last.pts_us - look.pts_us;
    if (agoUs <= 0 || agoUs > limitUs) continue;
    const better = earlier === null || (last.pts_us - earlier.pts_us < BASELINE_US ? look.pts_us < earlier.pts_us : agoUs >= BASELINE_US && look.pts_us > earlier.pts_us);
    if (better) earlier = look;
  }
  return earlier !== null && earlier.error === null && last.error === null ? lookAhead(earlier, last, ptsUs) : last;
}

/** How far from the displayed picture a look may lie before it says nothing about it: 1.5 intervals, at least 250 ms. */
export function staleAfterUs(desiredFps: number): number {
  return Math.max(1_500_000 / desiredFps, 250_000);
}

/** The histories of every camera and model. */
export class LookBook {
  readonly #cameras = new Map<string, Map<string, LookHistory>>();

  push(look: Look): void {
    let models = this.#cameras.get(look.camera_id);
    if (!models) this.#cameras.set(look.camera_id, models = new Map<string, LookHistory>());
    let history = models.get(look.model_id);
    if (!history) models.set(look.model_id, history = new LookHistory());
    history.push(look);
  }

  /** Of any model at the camera; 0 where none has looked. */
  newestPtsUs(cameraId: string): number {
    return Math.max(0, ...[...this.#cameras.get(cameraId)?.values() ?? []].map((history) => history.newest?.pts_us ?? 0));
  }

  /** Of any model, at one camera or at all. */
  classNames(cameraId: string | null): string[] {
    const cameras = cameraId === null ? [...this.#cameras.values()] : [this.#cameras.get(cameraId) ?? new Map<string, LookHistory>()];
    return [...new Set(cameras.flatMap((models) => [...models.values()].flatMap((history) => [...history.classNames()])))].toSorted();
  }

  of(cameraId: string, modelId: string): LookHistory | null {
    return this.#cameras.get(cameraId)?.get(modelId) ?? null;
  }
}
