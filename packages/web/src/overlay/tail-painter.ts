// Draws the way that tracks have come: a line through the points where they stood, fainter the longer ago.
import { classColour } from './class-colour.ts';
import type { Rectangle } from './video-rectangle.ts';

/** Where one track stood, oldest first: shares of the picture. */
export interface Tail { readonly className: string; readonly points: readonly (readonly [x: number, y: number])[] }

/** Draws into `frame`, in CSS pixels. Returns how many tails there are. */
export function paintTails(context: CanvasRenderingContext2D, frame: Rectangle, tails: readonly Tail[], unit: number): number {
  const opacity = context.globalAlpha;
  let drawn = 0;
  for (const { className, points } of tails) {
    if (points.length < 2) continue;
    drawn++;
    context.strokeStyle = classColour(className);
    context.lineWidth = 2.5 * unit;
    for (let index = 1; index < points.length; index++) {
      const [from, to] = [points[index - 1]!, points[index]!];
      context.globalAlpha = opacity * index / (points.length - 1);
      context.beginPath();
      context.moveTo(frame.x + from[0] * frame.width, frame.y + from[1] * frame.height);
      context.lineTo(frame.x + to[0] * frame.width, frame.y + to[1] * frame.height);
      context.stroke();
    }
  }
  context.globalAlpha = opacity;
  return drawn;
}
