// A scene while it is drawn: its shapes, which of them is chosen, what is being drawn, and the way back. Pure: an action makes the next draft.
import type { LineConfig, MaskConfig, Point, SceneConfig, ZoneConfig } from '@ruth/protocol';

export type ShapeKind = 'zones' | 'lines' | 'masks';
export type Shape = ZoneConfig | LineConfig | MaskConfig;
/** `point`: which of its points is chosen as well. */
export interface ChosenShape { readonly kind: ShapeKind; readonly index: number; readonly point: number | null }
export interface Drawing { readonly kind: ShapeKind; readonly points: readonly Point[]; /** Where the next point would be. */ readonly cursor: Point }

export interface SceneDraft {
  readonly scene: SceneConfig;
  readonly chosen: ChosenShape | null;
  readonly drawing: Drawing | null;
  /** Scenes before the last changes, the newest last; and those that were taken back. */
  readonly past: readonly SceneConfig[];
  readonly future: readonly SceneConfig[];
}

/** `continues`: part of one movement, which is taken back as a whole. */
export type SceneAction =
  | { readonly do: 'draw'; readonly kind: ShapeKind } | { readonly do: 'aim'; readonly at: Point } | { readonly do: 'add'; readonly at: Point }
  | { readonly do: 'take last' } | { readonly do: 'finish' } | { readonly do: 'cancel' } | { readonly do: 'choose'; readonly chosen: ChosenShape | null }
  | { readonly do: 'move point'; readonly to: Point; readonly continues: boolean } | { readonly do: 'move shape'; readonly by: Point; readonly continues: boolean }
  | { readonly do: 'insert'; readonly after: number; readonly at: Point } | { readonly do: 'remove point' } | { readonly do: 'remove shape' }
  | { readonly do: 'change'; readonly to: Shape } | { readonly do: 'undo' } | { readonly do: 'redo' } | { readonly do: 'load'; readonly scene: SceneConfig };

const MOST_PAST = 100;
const LEAST_POINTS: Record<ShapeKind, number> = { zones: 3, lines: 2, masks: 3 };
const MOST_POINTS: Record<ShapeKind, number> = { zones: 64, lines: 16, masks: 64 };
const ID_WORDS: Record<ShapeKind, string> = { zones: 'zone', lines: 'line', masks: 'mask' };
const MIDDLE: Point = [0.5, 0.5];

export const draftOf = (scene: SceneConfig): SceneDraft => ({ scene, chosen: null, drawing: null, past: [], future: [] });

export const pointsOf = (shape: Shape): readonly Point[] => ('points' in shape ? shape.points : shape.polygon);

export function shapeAt({ scene }: Pick<SceneDraft, 'scene'>, chosen: ChosenShape | null): Shape | null {
  return chosen === null ? null : scene[chosen.kind]?.[chosen.index] ?? null;
}

export const isClosed = (kind: ShapeKind): boolean => kind !== 'lines';
export const canFinish = ({ kind, points }: Drawing): boolean => points.length >= LEAST_POINTS[kind];

export function drawnOn(draft: SceneDraft, action: SceneAction): SceneDraft {
  const { scene, chosen, drawing } = draft;
  switch (action.do) {
    case 'load': return draftOf(action.scene);
    case 'draw': return { ...draft, chosen: null, drawing: { kind: action.kind, points: [], cursor: MIDDLE } };
    case 'choose': return { ...draft, chosen: action.chosen, drawing: null };
    case 'cancel': return drawing ? { ...draft, drawing: null } : { ...draft, chosen: null };
    case 'undo': return draft.past.length === 0 ? draft : { ...turned(draft, draft.past.at(-1)!), past: draft.past.slice(0, -1), future: [...draft.future, scene] };
    case 'redo': return draft.future.length === 0 ? draft : { ...turned(draft, draft.future.at(-1)!), future: draft.future.slice(0, -1), past: [...draft.past, scene] };
    case 'aim': return drawing ? { ...draft, drawing: { ...drawing, cursor: inside(action.at) } } : draft;
    case 'add': return drawing ? added(draft, drawing, inside(action.at)) : draft;
    case 'take last': return drawing ? { ...draft, drawing: { ...drawing, points: drawing.points.slice(0, -1) } } : draft;
    case 'finish': return drawing && canFinish(drawing) ? finished(draft, drawing) : draft;
    default: {
      const shape = shapeAt(draft, chosen);
      return shape === null ? draft : changed(draft, chosen!, shape, action);
    }
  }
}

/** The shape that is chosen stays so where it is there still. */
function turned(draft: SceneDraft, scene: SceneConfig): SceneDraft {
  const { chosen } = draft;
  return { ...draft, scene, drawing: null, chosen: chosen && shapeAt({ scene }, chosen) ? { ...chosen, point: null } : null };
}

function added(draft: SceneDraft, drawing: Drawing, at: Point): SceneDraft {
  if (drawing.points.length >= MOST_POINTS[drawing.kind]) return finished(draft, drawing);
  return { ...draft, drawing: { ...drawing, points: [...drawing.points, at], cursor: at } };
}

function finished(draft: SceneDraft, { kind, points }: Drawing): SceneDraft {
  const id = freeId(draft.scene, kind);
  const shape: Shape = kind === 'lines' ? { id, points: [...points] } : { id, polygon: [...points] };
  const shapes = [...draft.scene[kind] ?? [], shape];
  return { ...next(draft, { ...draft.scene, [kind]: shapes }, false), chosen: { kind, index: shapes.length - 1, point: null }, drawing: null };
}

type Change = Extract<SceneAction, { do: 'move point' | 'move shape' | 'insert' | 'remove point' | 'remove shape' | 'change' }>;

function changed(draft: SceneDraft, chosen: ChosenShape, shape: Shape, action: Change): SceneDraft {
  const points = pointsOf(shape);
  const put = (to: readonly Point[], point: number | null, continues = false): SceneDraft => ({ ...replaced(draft, chosen, withPoints(shape, to), continues), chosen: { ...chosen, point } });
  switch (action.do) {
    case 'change': return replaced(draft, chosen, action.to, false);
    case 'remove shape': return { ...next(draft, { ...draft.scene, [chosen.kind]: draft.scene[chosen.kind]!.filter((_, index) => index !== chosen.index) }, false), chosen: null };
    case 'move point': return chosen.point === null ? draft : put(points.with(chosen.point, inside(action.to)), chosen.point, action.continues);
    case 'move shape': {
      // As a whole, and not beyond the edge.
      const [dx, dy] = [0, 1].map((axis) => {
        const values = points.map((point) => point[axis]!);
        return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), action.by[axis]!));
      }) as [number, number];
      return put(points.map(([x, y]) => rounded([x + dx, y + dy])), chosen.point, action.continues);
    }
    case 'insert': return points.length >= MOST_POINTS[chosen.kind] ? draft : put(points.toSpliced(action.after + 1, 0, inside(action.at)), action.after + 1);
    case 'remove point': return chosen.point === null || points.length <= LEAST_POINTS[chosen.kind] ? draft : put(points.toSpliced(chosen.point, 1), Math.max(0, chosen.point - 1));
  }
}

function replaced(draft: SceneDraft, { kind, index }: ChosenShape, shape: Shape, continues: boolean): SceneDraft {
  return next(draft, { ...draft.scene, [kind]: (draft.scene[kind] as Shape[]).with(index, shape) }, continues);
}

function next(draft: SceneDraft, scene: SceneConfig, continues: boolean): SceneDraft {
  return { ...draft, scene, past: continues ? draft.past : [...draft.past, draft.scene].slice(-MOST_PAST), future: [] };
}

function withPoints(shape: Shape, points: readonly Point[]): Shape {
  return 'points' in shape ? { ...shape, points: [...points] } : { ...shape, polygon: [...points] };
}

function freeId(scene: SceneConfig, kind: ShapeKind): string {
  for (let number = 1; ; number++) {
    const id = `${ID_WORDS[kind]}-${number}`;
    if (!scene[kind]?.some((shape) => shape.id === id)) return id;
  }
}

const inside = ([x, y]: Point): Point => rounded([Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))]);
/** A ten-thousandth is less than a pixel of a 4K picture is wide. */
const rounded = ([x, y]: Point): Point => [Math.round(x * 1e4) / 1e4, Math.round(y * 1e4) / 1e4];
