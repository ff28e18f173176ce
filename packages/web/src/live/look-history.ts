// The looks of one model at one camera over the last seconds, and which of them belongs to the picture on the screen.
import type { Look } from '@ruth/protocol';
import { lookAhead, lookBetween } from '../overlay/interpolation.ts';

const KEEP_US = 5_000_000;
const MAX_LOOKS = 256;

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

  /** The same by the wall clock, for looks at another stream of the camera. */
  atInstant(capturedAtS: number, limitUs: number): Look | null {
    return nearestOf(this.#looks.map((look) => ({ ...look, pts_us: look.captured_at * 1e6 })), capturedAtS * 1e6, limitUs);
  }
}

function nearestOf(looks: readonly Look[], ptsUs: number, limitUs: number): Look | null {
  let before: Look | null = null;
  let beforeThat: Look | null = null;
  let after: Look | null = null;
  for (const look of looks) {
    if (look.pts_us - ptsUs > limitUs) continue;
    if (look.pts_us > ptsUs) {
      if (after === null || look.pts_us < after.pts_us) after = look;
    } else if (before === null || look.pts_us >= before.pts_us) [beforeThat, before] = [before, look];
  }
  if (before !== null && ptsUs - before.pts_us > limitUs) before = null;
  if (before === null) return after;
  if (after === null) {
    const steady = beforeThat !== null && beforeThat.error === null && before.error === null && before.pts_us > beforeThat.pts_us && before.pts_us - beforeThat.pts_us <= limitUs;
    return steady ? lookAhead(beforeThat!, before, ptsUs) : before;
  }
  if (before.error === null && after.error === null) return lookBetween(before, after, ptsUs);
  return ptsUs - before.pts_us <= after.pts_us - ptsUs ? before : after;
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

  of(cameraId: string, modelId: string): LookHistory | null {
    return this.#cameras.get(cameraId)?.get(modelId) ?? null;
  }
}
