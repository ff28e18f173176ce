// The shapes of a scene over the picture, to be drawn and moved by pointer, touch and keyboard. Coordinates are shares of the picture.
import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { polygonArea, type Point, type SceneConfig } from '@ruth/protocol';
import type { Rectangle } from '../overlay/video-rectangle.ts';
import { canFinish, isClosed, pointsOf, type ChosenShape, type SceneAction, type SceneDraft, type Shape, type ShapeKind } from './scene-draft.ts';
import { anchorOf } from '../overlay/scene-places.ts';
import type { SeenObject } from './scene-matches.ts';

const KINDS: readonly ShapeKind[] = ['masks', 'zones', 'lines'];
const STEP = 0.01;
const SMALL_STEP = 0.001;
/** So near to the first point a click closes the shape, in pixels of the screen. */
const CLOSE_PX = 12;
const ARROWS: Readonly<Record<string, Point>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export interface ShapeLayerProps {
  readonly draft: SceneDraft;
  readonly frame: Rectangle;
  /** What the chosen shape matches now. */
  readonly matches: readonly SeenObject[];
  /** Whether something is wrong with it. */
  readonly isWrong: (kind: ShapeKind, index: number) => boolean;
  readonly dispatch: (action: SceneAction) => void;
}

export function ShapeLayer({ draft, frame, matches, isWrong, dispatch }: ShapeLayerProps) {
  const { scene, chosen, drawing } = draft;
  const layer = useRef<SVGSVGElement>(null);
  /** A movement by pointer: what is moved and from where. */
  const drag = useRef<{ readonly what: 'point' | 'shape'; from: Point; began: boolean } | null>(null);
  /** A point was added or taken away by keyboard: the one that is chosen then has the focus. */
  const focusNext = useRef(false);
  useEffect(() => {
    if (!focusNext.current) return;
    focusNext.current = false;
    layer.current!.querySelector<SVGCircleElement>('.corner[data-chosen="true"]')?.focus();
  }, [draft]);
  const x = ([at]: Point): number => frame.x + at * frame.width;
  const y = ([, at]: Point): number => frame.y + at * frame.height;
  const pointOf = ({ clientX, clientY }: { clientX: number; clientY: number }): Point => {
    const { left, top } = layer.current!.getBoundingClientRect();
    return [(clientX - left - frame.x) / frame.width, (clientY - top - frame.y) / frame.height];
  };
  const text = (points: readonly Point[]): string => points.map((point) => `${x(point)},${y(point)}`).join(' ');
  const grab = (event: PointerEvent, what: 'point' | 'shape', kind: ShapeKind, index: number, point: number | null): void => {
    if (drawing) return;
    event.stopPropagation();
    layer.current!.setPointerCapture(event.pointerId);
    drag.current = { what, from: pointOf(event), began: false };
    dispatch({ do: 'choose', chosen: { kind, index, point } });
  };
  const move = (event: PointerEvent): void => {
    const at = pointOf(event);
    if (drawing) return dispatch({ do: 'aim', at });
    const dragged = drag.current;
    if (!dragged || event.buttons === 0) return;
    if (dragged.what === 'point') dispatch({ do: 'move point', to: at, continues: dragged.began });
    else dispatch({ do: 'move shape', by: [at[0] - dragged.from[0], at[1] - dragged.from[1]], continues: dragged.began });
    drag.current = { what: dragged.what, from: at, began: true };
  };
  const press = (event: PointerEvent): void => {
    if (!drawing) return dispatch({ do: 'choose', chosen: null });
    const [at, [first]] = [pointOf(event), drawing.points];
    const closes = first !== undefined && isClosed(drawing.kind) && canFinish(drawing) && Math.hypot(x(at) - x(first), y(at) - y(first)) < CLOSE_PX;
    dispatch(closes ? { do: 'finish' } : { do: 'add', at });
  };
  const drawByKey = (event: KeyboardEvent): void => {
    if (!drawing) return;
    const action: SceneAction | null = event.key in ARROWS ? { do: 'aim', at: stepped(drawing.cursor, event) }
      : event.key === ' ' ? { do: 'add', at: drawing.cursor } : event.key === 'Enter' ? { do: 'finish' } : event.key === 'Escape' ? { do: 'cancel' } : event.key === 'Backspace' ? { do: 'take last' } : null;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    dispatch(action);
  };
  return (
    <svg
      ref={layer} className="shape-layer" data-drawing={drawing !== null} tabIndex={drawing ? 0 : -1} role="application" onKeyDown={drawByKey} onPointerDown={press} onPointerMove={move}
      onPointerUp={() => { drag.current = null; }} onDoubleClick={() => { if (drawing) dispatch({ do: 'finish' }); }}
      aria-label={drawing ? 'Drawing: arrows move, Space sets a point, Backspace takes the last one back, Enter finishes, Escape gives up' : 'Shapes on the picture'}
    >
      {upwards(scene, chosen).map(({ kind, index, shape }) => {
        const isChosen = chosen?.kind === kind && chosen.index === index;
        const points = pointsOf(shape);
        return (
          <g key={`${kind} ${index}`} className="shape" data-kind={kind} data-chosen={isChosen} data-wrong={isWrong(kind, index)} data-shape-id={shape.id}>
            {isClosed(kind) ? <polygon points={text(points)} onPointerDown={(event) => grab(event, 'shape', kind, index, null)} /> : (
              <>
                <polyline className="grip" points={text(points)} onPointerDown={(event) => grab(event, 'shape', kind, index, null)} />
                <polyline points={text(points)} />
                <Inward points={points} x={x} y={y} />
              </>
            )}
            <text x={x(points[0]!) + 6} y={y(points[0]!) + 16}>{nameOf(shape, kind, index)}</text>
            {isChosen && points.map((point, at) => {
              const middle = between(point, points[(at + 1) % points.length]!);
              return (isClosed(kind) || at < points.length - 1) && (
                <circle key={`between ${at}`} className="between" cx={x(middle)} cy={y(middle)} r="5" onPointerDown={(event) => { event.stopPropagation(); dispatch({ do: 'insert', after: at, at: middle }); }}><title>Add a point here</title></circle>
              );
            })}
            {isChosen && points.map((point, at) => (
              <circle
                key={at} className="corner" cx={x(point)} cy={y(point)} r="8" tabIndex={0} role="button" data-chosen={chosen.point === at}
                aria-label={`Point ${at + 1} of ${points.length}: ${percent(point[0])} from the left, ${percent(point[1])} from the top. Arrows move it, plus adds one after it, Delete removes it`}
                onPointerDown={(event) => grab(event, 'point', kind, index, at)} onFocus={() => { if (chosen.point !== at) dispatch({ do: 'choose', chosen: { kind, index, point: at } }); }}
                onKeyDown={(event) => {
                  if (event.key in ARROWS) dispatch({ do: 'move point', to: stepped(point, event), continues: event.repeat });
                  else if (event.key === 'Delete' || event.key === 'Backspace') {
                    focusNext.current = true;
                    dispatch({ do: 'remove point' });
                  } else if (event.key === '+' || event.key === 'Insert') {
                    focusNext.current = true;
                    // After the last point of a line is nothing to be between.
                    const after = isClosed(kind) || at < points.length - 1 ? at : at - 1;
                    dispatch({ do: 'insert', after, at: between(points[after]!, points[(after + 1) % points.length]!) });
                  } else return;
                  event.preventDefault();
                }}
              />
            ))}
          </g>
        );
      })}
      {matches.map((match, index) => {
        const at = anchorOf(match.box);
        return <circle key={match.trackId ?? `${index} ${match.className}`} className="match" cx={x(at)} cy={y(at)} r="6" />;
      })}
      {drawing && (
        <g className="shape drawing" data-kind={drawing.kind} data-points={drawing.points.length}>
          <polyline points={text([...drawing.points, drawing.cursor])} />
          {drawing.points.map((point, at) => <circle key={at} className="corner" cx={x(point)} cy={y(point)} r="6" data-first={at === 0 && canFinish(drawing)} />)}
          <path className="cursor" d={`M${x(drawing.cursor) - 10},${y(drawing.cursor)}h20M${x(drawing.cursor)},${y(drawing.cursor) - 10}v20`} />
        </g>
      )}
    </svg>
  );
}

function between([x1, y1]: Point, [x2, y2]: Point): Point {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

/** The large below the small, lines above areas, and what is chosen above all: nothing covers what is taken hold of. */
function upwards(scene: SceneConfig, chosen: ChosenShape | null): { kind: ShapeKind; index: number; shape: Shape }[] {
  const size = ({ kind, index, shape }: { kind: ShapeKind; index: number; shape: Shape }): number => (
    chosen?.kind === kind && chosen.index === index ? -2 : isClosed(kind) ? polygonArea(pointsOf(shape)) : -1
  );
  return KINDS.flatMap((kind) => (scene[kind] ?? []).map((shape: Shape, index) => ({ kind, index, shape }))).toSorted((a, b) => size(b) - size(a));
}

/** From the middle of the longest stretch to its right, which is "in". */
function Inward({ points, x, y }: { points: readonly Point[]; x: (point: Point) => number; y: (point: Point) => number }) {
  let longest = { length: 0, at: [0, 0] as Point, degrees: 0 };
  for (let index = 1; index < points.length; index++) {
    const [from, to] = [points[index - 1]!, points[index]!];
    const [dx, dy] = [x(to) - x(from), y(to) - y(from)];
    if (Math.hypot(dx, dy) > longest.length) longest = { length: Math.hypot(dx, dy), at: [(x(from) + x(to)) / 2, (y(from) + y(to)) / 2], degrees: Math.atan2(dy, dx) * 180 / Math.PI };
  }
  return <g className="inward" transform={`translate(${longest.at[0]} ${longest.at[1]}) rotate(${longest.degrees})`}><path d="M0,3v20m-6,-7l6,7l6,-7" /><text x="10" y="22">in</text></g>;
}

function stepped([x, y]: Point, { key, shiftKey }: { key: string; shiftKey: boolean }): Point {
  const [dx, dy] = ARROWS[key]!;
  const step = shiftKey ? SMALL_STEP : STEP;
  return [x + dx * step, y + dy * step];
}

const SHAPE_WORDS: Record<ShapeKind, string> = { zones: 'Zone', lines: 'Line', masks: 'Mask' };

export function nameOf(shape: Shape, kind: ShapeKind, index: number): string {
  return ('name' in shape ? shape.name : undefined) ?? shape.id ?? `${SHAPE_WORDS[kind]} ${index + 1}`;
}

const percent = (share: number): string => `${(share * 100).toFixed(share * 100 % 1 === 0 ? 0 : 1)} %`;
