// Draws looks over the picture: boxes with labels, and skeletons. Every line has a dark edge, so that it reads on any picture.
import type { Detection, Look, SceneConfig } from '@ruth/protocol';
import { classColour, LABEL_TEXT_COLOUR } from './class-colour.ts';
import { placeLabels } from './label-placement.ts';
import type { OverlayChoice } from './overlay-choice.ts';
import { paintScene } from './scene-painter.ts';
import { paintTails, type Tail } from './tail-painter.ts';
import { boxIn, type Rectangle } from './video-rectangle.ts';

export interface Layer {
  readonly look: Look;
  readonly keypointNames: readonly string[];
  readonly skeleton: readonly (readonly [number, number])[];
  /** False where another layer draws the boxes of the same things. */
  readonly boxes: boolean;
  readonly tails: readonly Tail[];
}

export interface Drawn { readonly boxes: number; readonly keypoints: number; readonly tails: number; /** Zones, lines and masks. */ readonly scene: number }

const EDGE = 'rgb(0 0 0 / 55%)';
const KEYPOINT_SCORE = 0.3;
const SIDE_COLOURS = { left: '#fdba74', right: '#7dd3fc', centre: '#f8fafc' };

/** Draws into `frame`, in CSS pixels; what was drawn before is for the caller to clear. */
export function paint(context: CanvasRenderingContext2D, frame: Rectangle, layers: readonly Layer[], sceneConfig: SceneConfig, choice: OverlayChoice): Drawn {
  if (frame.width === 0) return { boxes: 0, keypoints: 0, tails: 0, scene: 0 };
  const unit = Math.max(0.75, Math.min(1.6, frame.width / 900));
  context.lineJoin = context.lineCap = 'round';
  context.globalAlpha = choice.opacity;
  const scene = choice.scene ? paintScene(context, frame, sceneConfig, unit) : 0;
  const tails = paintTails(context, frame, layers.flatMap((layer) => layer.tails), unit);
  let keypoints = 0;
  for (const layer of choice.skeletons ? layers : []) {
    for (const detection of layer.look.detections) keypoints += paintSkeleton(context, frame, detection, layer, unit);
  }
  const boxed = layers.filter((layer) => layer.boxes && choice.boxes).flatMap((layer) => layer.look.detections);
  for (const detection of boxed.toSorted((a, b) => area(b) - area(a))) paintBox(context, boxIn(frame, detection.bbox), classColour(detection.class_name), unit);
  if (choice.labels) paintLabels(context, frame, boxed.toSorted((a, b) => b.confidence - a.confidence), unit);
  context.globalAlpha = 1;
  return { boxes: boxed.length, keypoints, tails, scene };
}

function paintBox(context: CanvasRenderingContext2D, box: Rectangle, colour: string, unit: number): void {
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, Math.max(0, Math.min(4 * unit, box.width / 4, box.height / 4)));
  context.strokeStyle = EDGE;
  context.lineWidth = 4 * unit;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = 2 * unit;
  context.stroke();
}

function paintLabels(context: CanvasRenderingContext2D, frame: Rectangle, detections: readonly Detection[], unit: number): void {
  const fontPx = Math.max(9, Math.round(12 * unit));
  const padding = Math.round(fontPx * 0.4);
  context.font = `600 ${fontPx}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const labels = detections.map((detection) => {
    const text = labelOf(detection);
    return { text, box: boxIn(frame, detection.bbox), colour: classColour(detection.class_name), width: context.measureText(text).width + 2 * padding, height: fontPx + padding };
  });
  // The least certain first: what is certain lies on top.
  const places = placeLabels(labels, frame).map((place, index) => ({ place, label: labels[index]! })).reverse();
  for (const { place, label } of places) {
    context.beginPath();
    context.roundRect(place.x, place.y, place.width, place.height, 3);
    context.fillStyle = label.colour;
    context.fill();
    context.strokeStyle = EDGE;
    context.lineWidth = 1;
    context.stroke();
    context.fillStyle = LABEL_TEXT_COLOUR;
    context.fillText(label.text, place.x + padding, place.y + place.height / 2 + 0.5);
  }
}

/** A thing that is followed is called by its number. */
function labelOf({ class_name, confidence, track_id }: Detection): string {
  return track_id == null ? `${class_name} ${Math.round(confidence * 100)}%` : `${class_name} #${track_id}`;
}

function paintSkeleton(context: CanvasRenderingContext2D, frame: Rectangle, detection: Detection, layer: Layer, unit: number): number {
  const points = (detection.keypoints ?? []).map(([x, y, score]) => (score >= KEYPOINT_SCORE ? { x: frame.x + x * frame.width, y: frame.y + y * frame.height } : null));
  const limbs = layer.skeleton.flatMap(([from, to]) => {
    const [a, b] = [points[from], points[to]];
    return a && b ? [{ a, b, colour: limbColour(layer.keypointNames[from], layer.keypointNames[to]) }] : [];
  });
  for (const [width, edge] of [[4.5, true], [2.5, false]] as const) {
    context.lineWidth = width * unit;
    for (const { a, b, colour } of limbs) {
      context.strokeStyle = edge ? EDGE : colour;
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
      context.stroke();
    }
  }
  let drawn = 0;
  context.strokeStyle = EDGE;
  context.lineWidth = unit;
  for (const [index, point] of points.entries()) {
    if (!point) continue;
    drawn++;
    context.beginPath();
    context.arc(point.x, point.y, 2.4 * unit, 0, 2 * Math.PI);
    context.fillStyle = limbColour(layer.keypointNames[index], layer.keypointNames[index]);
    context.fill();
    context.stroke();
  }
  return drawn;
}

function limbColour(from: string | undefined, to: string | undefined): string {
  for (const side of ['left', 'right'] as const) if (from?.startsWith(side) && to?.startsWith(side)) return SIDE_COLOURS[side];
  return SIDE_COLOURS.centre;
}

function area({ bbox: [xMin, yMin, xMax, yMax] }: Detection): number {
  return (xMax - xMin) * (yMax - yMin);
}
