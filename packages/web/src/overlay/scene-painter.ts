// Draws what a camera's picture means: zones, lines with the way that is "in", and masks. Under boxes, and fainter than they are.
import type { Point, SceneConfig } from '@ruth/protocol';
import type { Rectangle } from './video-rectangle.ts';

const ZONE = { line: '#c4b5fd', ground: 'rgb(196 181 253 / 12%)' };
const LINE = '#fde047';
const MASK = { line: 'rgb(203 213 225 / 70%)', ground: 'rgb(15 23 42 / 45%)' };
const ARROW_PX = 9;

/** Draws into `frame`, in CSS pixels. Returns how many zones, lines and masks there are. */
export function paintScene(context: CanvasRenderingContext2D, frame: Rectangle, { zones = [], lines = [], masks = [] }: SceneConfig, unit: number): number {
  const at = ([x, y]: Point): readonly [number, number] => [frame.x + x * frame.width, frame.y + y * frame.height];
  context.lineWidth = 1.5 * unit;
  for (const { polygon } of masks) {
    tracePath(context, polygon.map(at), true);
    context.setLineDash([4 * unit, 4 * unit]);
    fillAndStroke(context, MASK);
    context.setLineDash([]);
  }
  for (const { id, name, polygon } of zones) {
    const corners = polygon.map(at);
    tracePath(context, corners, true);
    fillAndStroke(context, ZONE);
    paintName(context, name ?? id, corners[0]!, ZONE.line, unit);
  }
  for (const { id, name, points } of lines) {
    const path = points.map(at);
    tracePath(context, path, false);
    context.strokeStyle = LINE;
    context.lineWidth = 2.5 * unit;
    context.stroke();
    paintInward(context, path, unit);
    paintName(context, name ?? id, path[0]!, LINE, unit);
  }
  return zones.length + lines.length + masks.length;
}

function tracePath(context: CanvasRenderingContext2D, points: readonly (readonly [number, number])[], closed: boolean): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  if (closed) context.closePath();
}

function fillAndStroke(context: CanvasRenderingContext2D, { line, ground }: { line: string; ground: string }): void {
  context.fillStyle = ground;
  context.fill();
  context.strokeStyle = line;
  context.stroke();
}

/** An arrow from the middle of the line's longest stretch to its right, which is "in". */
function paintInward(context: CanvasRenderingContext2D, points: readonly (readonly [number, number])[], unit: number): void {
  let longest = { length: 0, middle: [0, 0] as [number, number], right: [0, 0] as [number, number] };
  for (let index = 1; index < points.length; index++) {
    const [[x1, y1], [x2, y2]] = [points[index - 1]!, points[index]!];
    const length = Math.hypot(x2 - x1, y2 - y1);
    // The picture's y grows downwards: turning right is (x, y) -> (-y, x).
    if (length > longest.length) longest = { length, middle: [(x1 + x2) / 2, (y1 + y2) / 2], right: [-(y2 - y1) / length, (x2 - x1) / length] };
  }
  if (longest.length === 0) return;
  const { middle: [x, y], right: [dx, dy] } = longest;
  const [size, reach] = [ARROW_PX * unit, 2 * ARROW_PX * unit];
  const [tipX, tipY] = [x + dx * reach, y + dy * reach];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(tipX, tipY);
  context.moveTo(tipX - (dx + dy) * size * 0.7, tipY - (dy - dx) * size * 0.7);
  context.lineTo(tipX, tipY);
  context.lineTo(tipX - (dx - dy) * size * 0.7, tipY - (dy + dx) * size * 0.7);
  context.stroke();
}

function paintName(context: CanvasRenderingContext2D, name: string, [x, y]: readonly [number, number], colour: string, unit: number): void {
  context.font = `600 ${Math.max(9, Math.round(11 * unit))}px system-ui, sans-serif`;
  context.textBaseline = 'top';
  context.lineWidth = 3 * unit;
  context.strokeStyle = 'rgb(0 0 0 / 65%)';
  context.strokeText(name, x + 4 * unit, y + 4 * unit);
  context.fillStyle = colour;
  context.fillText(name, x + 4 * unit, y + 4 * unit);
}
