// The frames of events as one picture: what an event speaks of is framed, zones and lines are drawn where they are.
import { createCanvas, type Canvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { CoreEvent, Detection, Point, SceneConfig, TrackState } from '@ruth/protocol';
import { contactSheet } from '../onboarding/contact-sheet.ts';
import { clipTime, eventText } from './event-text.ts';

/** More nobody looks at. */
export const MOST_PICTURES = 60;
const ZONE = 'rgba(80, 200, 255, 0.9)';
const LINE = 'rgba(255, 210, 60, 0.95)';

export type PicturedEvent = CoreEvent & { readonly frame_id: number; readonly captured_at: number };

export function eventSheet(events: readonly PicturedEvent[], pictures: ReadonlyMap<number, Canvas>, scene: SceneConfig, beginsAt: number, title: string): Canvas {
  const cells = events.flatMap((event) => {
    const picture = pictures.get(event.frame_id);
    if (!picture) return [];
    const canvas = createCanvas(picture.width, picture.height);
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    drawScene(context, scene, canvas);
    return [{ name: `${clipTime(event.captured_at - beginsAt)} ${eventText(event)}`, canvas, detections: tracksOf(event).map(detectionOf) }];
  });
  return contactSheet(cells, { title, subtitle: `${events.length} events`, skeleton: [] });
}

function tracksOf(event: CoreEvent): readonly TrackState[] {
  if ('track' in event) return [event.track];
  return 'tracks' in event ? event.tracks : [];
}

function detectionOf({ id, class_id, class_name, confidence, bbox }: TrackState): Detection {
  return { class_id, class_name: `${class_name} ${id}`, confidence, bbox };
}

function drawScene(context: SKRSContext2D, { zones = [], lines = [] }: SceneConfig, { width, height }: Canvas): void {
  const trace = (points: readonly Point[]): void => {
    context.beginPath();
    for (const [index, [x, y]] of points.entries()) context[index === 0 ? 'moveTo' : 'lineTo'](x * width, y * height);
  };
  context.lineWidth = Math.max(2, height / 240);
  context.font = `bold ${Math.round(height / 24)}px sans-serif`;
  for (const { id, polygon } of zones) {
    trace(polygon);
    context.closePath();
    context.strokeStyle = context.fillStyle = ZONE;
    context.stroke();
    context.fillText(id, polygon[0]![0] * width + 4, polygon[0]![1] * height + height / 24);
  }
  for (const { id, points } of lines) {
    trace(points);
    context.strokeStyle = context.fillStyle = LINE;
    context.stroke();
    const [a, b] = [points[0]!, points[1]!];
    const [x, y] = [(a[0] + b[0]) / 2 * width, (a[1] + b[1]) / 2 * height];
    const [dx, dy] = [(b[0] - a[0]) * width, (b[1] - a[1]) * height];
    const length = Math.hypot(dx, dy);
    // To the right of who looks along the line.
    const [inX, inY] = [x - dy / length * height / 12, y + dx / length * height / 12];
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(inX, inY);
    context.stroke();
    context.fillText(`${id} in`, inX, inY);
  }
}
