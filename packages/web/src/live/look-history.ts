// The looks of one model at one camera over the last seconds, and which of them belongs to the picture on the screen.
import type { Look } from '@ruth/protocol';
import { lookBetween } from '../overlay/interpolation.ts';

const KEEP_US = 5_000_000;
const MAX_LOOKS = 256;

export class LookHistory {
  #looks: Look[] = [];

  get newest(): Look | null { return this.#looks.at(-1) ?? null; }

  push(look: Look): void {
    this.#looks.push(look);
    const oldestUs = look.pts_us - KEEP_US;
    if (this.#looks.length > MAX_LOOKS || (this.#looks[0]!.epoch === look.epoch && this.#looks[0]!.pts_us < oldestUs)) {
      this.#looks = this.#looks.filter((kept) => kept.epoch !== look.epoch || kept.pts_us >= oldestUs).slice(-MAX_LOOKS);
    }
  }

  /**
   * What the model sees at `ptsUs` of an epoch: between two looks what moved is where it would be, else it is the nearest look.
   * Null where none lies within `limitUs`.
   */
  at(ptsUs: number, epoch: number, limitUs: number): Look | null {
    let before: Look | null = null;
    let after: Look | null = null;
    for (const look of this.#looks) {
      if (look.epoch !== epoch || Math.abs(look.pts_us - ptsUs) > limitUs) continue;
      if (look.pts_us <= ptsUs) {
        if (before === null || look.pts_us >= before.pts_us) before = look;
      } else if (after === null || look.pts_us < after.pts_us) after = look;
    }
    if (before === null || after === null) return before ?? after;
    if (before.error === null && after.error === null) return lookBetween(before, after, ptsUs);
    return ptsUs - before.pts_us <= after.pts_us - ptsUs ? before : after;
  }
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

  of(cameraId: string, modelId: string): LookHistory | null {
    return this.#cameras.get(cameraId)?.get(modelId) ?? null;
  }
}
