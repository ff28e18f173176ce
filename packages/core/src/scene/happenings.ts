// What a scene saw happen in one look, before it is told: rules read it too.
import type { Posture } from '@ruth/protocol';
import type { SceneObject } from './scene-object.ts';

/** Times are seconds of the stream. */
export type Happening = { readonly object: SceneObject } & (
  | { readonly type: 'zone.entered'; readonly zone: string }
  | { readonly type: 'zone.left'; readonly zone: string; readonly stayS: number; readonly reason: 'left' | 'lost' }
  | { readonly type: 'dwell'; readonly zone: string; readonly stayS: number }
  | { readonly type: 'line.crossed'; readonly line: string; readonly direction: 'in' | 'out' }
  | { readonly type: 'object.left' | 'object.removed'; readonly sinceS: number; readonly ownerId: number | null }
  | { readonly type: 'posture'; readonly posture: Posture; readonly sinceS: number; readonly before: Posture | null }
  | { readonly type: 'fall'; readonly beganS: number; readonly lyingS: number }
);
