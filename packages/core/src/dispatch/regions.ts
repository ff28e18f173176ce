// Which parts of a frame a model looks at that works on regions: the boxes another model found in the same frame.
import type { Box, Detection, Point, RegionsConfig, ZoneConfig } from '@ruth/protocol';
import type { CameraFrame } from '../camera-frame.ts';
import { Area } from '../scene/shapes.ts';
import type { Appearances } from './appearances.ts';
import type { Stillness } from './stillness.ts';

const DEFAULT_MARGIN = 0.15;
const DEFAULT_MAX_REGIONS = 8;
const MAX_TRACKS = 1024;

export interface Region {
  /** The detection's, widened by the margin. */
  readonly box: Box;
  readonly trackId: number | null;
}

/** Boxes of the wanted detections, surest first, each widened by the margin on every side and cut at the frame's edge. */
export function regionsOf(detections: readonly Detection[], config: RegionsConfig): Region[] {
  const { classes, min_confidence: minConfidence = 0, min_height: minHeight = 0, max_height: maxHeight = 1, margin = config.appearance ? 0 : DEFAULT_MARGIN, max_regions: maxRegions = DEFAULT_MAX_REGIONS } = config;
  return detections
    .filter(({ class_name, confidence, bbox: [xMin, yMin, xMax, yMax] }) =>
      confidence >= minConfidence && (classes === undefined || classes.includes(class_name)) && xMax > xMin && yMax > yMin && yMax - yMin >= minHeight && yMax - yMin <= maxHeight)
    .sort((a, b) => b.confidence - a.confidence)
    .slice(0, maxRegions)
    .map(({ bbox: [xMin, yMin, xMax, yMax], track_id: trackId }): Region => {
      const byX = (xMax - xMin) * margin;
      const byY = (yMax - yMin) * margin;
      return { box: [Math.max(0, xMin - byX), Math.max(0, yMin - byY), Math.min(1, xMax + byX), Math.min(1, yMax + byY)], trackId: trackId ?? null };
    });
}

/** Remembers which tracks were looked at, so that each is looked at once in so many seconds of the stream, those that stand still in others. */
export class TrackTurns {
  /** Null: each track whenever it is seen, and what is no track. */
  readonly #everyUs: number | null;
  readonly #stationaryUs: number;
  /** When each was looked at last, microseconds of the stream. */
  readonly #lookedUs = new Map<number, number>();
  #epoch: number | null = null;

  private constructor(everyS: number | undefined, stationaryS: number | undefined) {
    this.#everyUs = everyS === undefined ? null : everyS * 1e6;
    this.#stationaryUs = Math.max(everyS ?? 0, stationaryS ?? 0) * 1e6;
  }

  /** Null where they are looked at whenever they are seen. */
  static of({ once_per_track_s: everyS, once_per_stationary_track_s: stationaryS }: RegionsConfig): TrackTurns | null {
    return everyS === undefined && stationaryS === undefined ? null : new TrackTurns(everyS, stationaryS);
  }

  /** A track that was looked at just now is not looked at again, whatever it does. */
  get hasEachOnce(): boolean { return this.#everyUs !== null; }

  isDue(trackId: number | null | undefined, { ptsUs, epoch }: CameraFrame, isStationary: (trackId: number) => boolean): boolean {
    if (epoch !== this.#epoch) this.#lookedUs.clear();
    this.#epoch = epoch;
    if (trackId === null || trackId === undefined) return this.#everyUs === null;
    const sinceUs = ptsUs - (this.#lookedUs.get(trackId) ?? -Infinity);
    return sinceUs >= this.#stationaryUs || (sinceUs >= (this.#everyUs ?? 0) && !isStationary(trackId));
  }

  /** The regions were looked at in that frame. */
  looked(regions: readonly Region[], { ptsUs, epoch }: CameraFrame): void {
    if (epoch !== this.#epoch) return;
    for (const { trackId } of regions) if (trackId !== null) this.#lookedUs.set(trackId, ptsUs);
    if (this.#lookedUs.size <= MAX_TRACKS) return;
    for (const [trackId, lookedUs] of this.#lookedUs) if (ptsUs - lookedUs >= this.#stationaryUs) this.#lookedUs.delete(trackId);
  }
}

export interface RegionChoiceOptions {
  readonly zone: ZoneFilter | null;
  readonly stillness: Stillness | null;
  readonly appearances: Appearances | null;
}

/** What a subscription looks at of what its source model found in a frame. */
export class RegionChoice {
  readonly #config: RegionsConfig;
  readonly #zone: ZoneFilter | null;
  readonly #stillness: Stillness | null;
  readonly #appearances: Appearances | null;
  readonly #turns: TrackTurns | null;

  constructor(config: RegionsConfig, { zone, stillness, appearances }: RegionChoiceOptions) {
    this.#config = config;
    this.#zone = zone;
    this.#stillness = stillness;
    this.#appearances = config.appearance ? appearances : null;
    this.#turns = TrackTurns.of(config);
  }

  in(found: readonly Detection[], frame: CameraFrame): Region[] {
    const { model } = this.#config;
    if (this.#config.appearance) return this.#inZone(this.#appearances?.wanted(model, frame.frameId) ?? []);
    const turns = this.#turns;
    if (!turns) return this.#inZone(found);
    const isStationary = (trackId: number): boolean => this.#stillness?.isStationary(model, trackId) ?? false;
    return this.#inZone(found, (detection) => turns.isDue(detection.track_id, frame, isStationary));
  }

  /** Where no region was chosen: whether that is a true answer, or some only have not their turn. */
  isNothingThere(found: readonly Detection[]): boolean {
    if (this.#appearances) return false;
    return !this.#turns || (!this.#turns.hasEachOnce && this.#inZone(found).length === 0);
  }

  asked(regions: readonly Region[], frame: CameraFrame): void { this.#appearances?.asked(this.#config.model, frame.frameId, regions.map(({ box }) => box)); }

  looked(regions: readonly Region[], frame: CameraFrame): void { this.#turns?.looked(regions, frame); }

  /** Tracks that were known again by what they look like; null where it does not describe any. */
  get identitiesKept(): number | null { return this.#appearances?.identitiesKept(this.#config.model) ?? null; }

  #inZone(detections: readonly Detection[], isWanted?: (detection: Detection) => boolean): Region[] {
    return regionsOf(detections.filter((detection) => (this.#zone?.has(detection) ?? true) && (isWanted?.(detection) ?? true)), this.#config);
  }
}

/** Whether what a model found stands in a zone. */
export class ZoneFilter {
  readonly #area: Area;
  readonly #anchor: ZoneConfig['anchor'];

  constructor({ polygon, anchor }: ZoneConfig) {
    this.#area = new Area(polygon, 1);
    this.#anchor = anchor;
  }

  has({ bbox: [xMin, yMin, xMax, yMax] }: Detection): boolean {
    const point: Point = [(xMin + xMax) / 2, this.#anchor === 'centre' ? (yMin + yMax) / 2 : yMax];
    return this.#area.contains(point);
  }
}
