// One zone: who comes, stays, goes, and how many there are. Who wavers on the edge neither comes nor goes: a change counts once the
// object is clear of the edge, or has been on the other side for a while.
import type { ZoneConfig } from '@ruth/protocol';
import type { Happening } from './happenings.ts';
import type { SceneObject } from './scene-object.ts';
import { Area } from './shapes.ts';

/** Of the object's height: so far from the edge it is clear of it, */
const CLEAR_HEIGHTS = 0.1;
/** but in a narrow zone this part of its breadth is enough. */
const CLEAR_BREADTHS = 0.25;
/** Nearer to the edge it counts after so long. */
const SETTLE_S = 1;
/** Who was not seen for longer is not counted, although it may come back. */
export const COUNTED_S = 1;
const OCCUPANCY_INTERVAL_S = 1;

interface Stay {
  /** Since when it has looked to be on the other side; null while it does not. */
  turnedS: number | null;
  dwellTold: boolean;
}

export interface Occupancy { readonly count: number; readonly byClass: Readonly<Record<string, number>> }

export class ZoneWatch {
  readonly config: ZoneConfig;
  readonly #area: Area;
  readonly #aspect: number;
  /** By object. */
  readonly #stays = new Map<number, Stay>();
  #told: { readonly key: string; readonly atS: number } | null = null;

  constructor(config: ZoneConfig, aspect: number) {
    this.config = config;
    this.#area = new Area(config.polygon, aspect);
    this.#aspect = aspect;
  }

  counts(object: SceneObject): boolean { return this.config.classes === undefined || this.config.classes.includes(object.className); }

  /** To be called for each object that is seen in a look. */
  see(object: SceneObject, nowS: number): Happening[] {
    if (!this.counts(object)) return [];
    const { id: zone, anchor = 'base', dwell_s: dwellS } = this.config;
    const point = object.place(anchor, this.#aspect);
    const isThere = this.#area.contains(point);
    const known = object.zones.get(zone);
    const stay = this.#stays.get(object.id) ?? { turnedS: null, dwellTold: false };
    this.#stays.set(object.id, stay);
    const happened: Happening[] = [];
    if (!known) {
      object.zones.set(zone, { inside: isThere, sinceS: nowS });
      if (isThere) happened.push({ type: 'zone.entered', object, zone });
    } else if (isThere === known.inside) stay.turnedS = null;
    else {
      stay.turnedS ??= nowS;
      const clear = Math.min(CLEAR_HEIGHTS * object.height, CLEAR_BREADTHS * this.#area.breadth);
      if (this.#area.distance(point) >= clear || nowS - stay.turnedS >= SETTLE_S) {
        object.zones.set(zone, { inside: isThere, sinceS: stay.turnedS });
        happened.push(isThere ? { type: 'zone.entered', object, zone } : { type: 'zone.left', object, zone, stayS: stay.turnedS - known.sinceS, reason: 'left' });
        Object.assign(stay, { turnedS: null, dwellTold: false });
      }
    }
    const now = object.zones.get(zone)!;
    if (dwellS !== undefined && now.inside && !stay.dwellTold && nowS - now.sinceS >= dwellS) {
      stay.dwellTold = true;
      happened.push({ type: 'dwell', object, zone, stayS: nowS - now.sinceS });
    }
    return happened;
  }

  /** Its track has ended. `gone`: under looks that could have seen it. */
  end(object: SceneObject, gone: boolean): Happening[] {
    this.#stays.delete(object.id);
    const stay = object.zones.get(this.config.id);
    return stay?.inside && gone ? [{ type: 'zone.left', object, zone: this.config.id, stayS: object.track.seenAtS - stay.sinceS, reason: 'lost' }] : [];
  }

  occupancy(objects: Iterable<SceneObject>, nowS: number): Occupancy {
    const byClass: Record<string, number> = {};
    let count = 0;
    for (const object of objects) {
      if (!object.zones.get(this.config.id)?.inside || !this.counts(object) || nowS - object.track.seenAtS > COUNTED_S) continue;
      count++;
      byClass[object.className] = (byClass[object.className] ?? 0) + 1;
    }
    return { count, byClass };
  }

  /** What is to be told of it after a look: when it changed, and not oftener than once a second. */
  change(objects: Iterable<SceneObject>, nowS: number): Occupancy | null {
    if (this.#told && nowS - this.#told.atS < OCCUPANCY_INTERVAL_S) return null;
    const occupancy = this.occupancy(objects, nowS);
    const key = JSON.stringify(Object.entries(occupancy.byClass).sort());
    if (this.#told?.key === key) return null;
    this.#told = { key, atS: nowS };
    return occupancy;
  }

  /** Nobody can look any more. True where that has to be told. */
  blind(): boolean {
    const wasTold = this.#told !== null;
    this.#told = null;
    return wasTold;
  }
}
