// People and things who move as a test says, looked at when it says: what is understood of them.
import { strict as assert } from 'node:assert';
import { CoreEvent, type Detection, type Look, type RuleConfig, type SceneConfig, validator } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { NO_THRESHOLDS, Understanding } from '../src/index.ts';

const event = validator(CoreEvent);
export const BEGIN = 1.7e9;

/** Where its feet are and how tall it is; null while it is not seen. */
export type Walker = (timeS: number) => { x: number; y: number; height?: number; of?: string } | null;

export const boxAt = (x: number, y: number, height = 0.3): Detection['bbox'] => {
  const half = height * 0.15;
  return [Math.max(0, x - half), Math.max(0, y - height), Math.min(1, x + half), Math.min(1, y)];
};

/** Straight from one point to another, at an even pace; there it stays. */
export const walk = (from: readonly [number, number], to: readonly [number, number], beginS: number, endS: number): Walker => (timeS) => {
  const share = Math.min(Math.max((timeS - beginS) / (endS - beginS), 0), 1);
  return { x: from[0] + share * (to[0] - from[0]), y: from[1] + share * (to[1] - from[1]) };
};

export const every = (intervalS: number, untilS: number): number[] => Array.from({ length: Math.floor(untilS / intervalS + 1e-9) + 1 }, (_, index) => index * intervalS);

export type Told = EventContent<CoreEvent> & { timeS: number };
/** The kinds of events that have such a type. */
type OfType<E, T> = E extends { type: infer U } ? (T extends U ? E : never) : never;

const CLASSES = ['person', 'suitcase', 'car'];

export class Watch {
  readonly understanding: Understanding;
  readonly told: Told[] = [];

  constructor(scene: SceneConfig, rules: readonly Omit<RuleConfig, 'camera'>[] = []) {
    this.understanding = new Understanding({ cameraId: 'front', detects: () => true, keypointNames: () => [], thresholds: () => NO_THRESHOLDS }, { scene, rules: rules.map((rule) => ({ ...rule, camera: 'front' })) });
  }

  look(timeS: number, walkers: readonly Walker[], error: string | null = null): void {
    const detections = walkers.flatMap((walker): Detection[] => {
      const at = walker(timeS);
      if (!at) return [];
      const { of = 'person' } = at;
      return [{ class_id: CLASSES.indexOf(of), class_name: of, confidence: 0.9, bbox: boxAt(at.x, at.y, at.height) }];
    });
    const look: Look = {
      camera_id: 'front', model_id: 'finder', frame_id: Math.round(timeS * 1000), captured_at: BEGIN + timeS, pts_us: Math.round(timeS * 1e6), epoch: 0, width: 160, height: 90,
      detections: error === null ? detections : [], metadata: {}, error, error_code: error === null ? null : 'overloaded',
    };
    this.note(this.understanding.follow(look).events, timeS);
  }

  note(events: readonly EventContent<CoreEvent>[], timeS: number): void {
    for (const content of events) {
      assert.deepEqual(event.violations({ id: 1, version: 1, at: BEGIN, ...content }), [], content.type);
      this.told.push({ ...content, timeS });
    }
  }

  of<T extends Told['type']>(...types: T[]): OfType<Told, T>[] {
    return this.told.filter((told) => (types as string[]).includes(told.type)) as OfType<Told, T>[];
  }
}

export function watched(scene: SceneConfig, times: readonly number[], walkers: readonly Walker[], rules: readonly Omit<RuleConfig, 'camera'>[] = []): Watch {
  const watch = new Watch(scene, rules);
  for (const timeS of times) watch.look(timeS, walkers);
  return watch;
}
