// What a model saw, as a picture to look at: each sample with boxes, labels and skeletons, side by side; vectors as how alike the samples are.
import { dirname, join } from 'node:path';
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import type { Detection } from '@ruth/protocol';
import { photoStrip } from '../demo/photo-clip.ts';
import type { SamplePicture } from './sample-pictures.ts';

export interface SeenPicture extends SamplePicture { readonly detections: readonly Detection[] }

export interface SheetText { readonly title: string; readonly subtitle: string; readonly skeleton: readonly (readonly [number, number])[] }

const CELL = { width: 560, height: 420, gap: 16, caption: 26 } as const;
const HEAD = 84;
const FONT = 'Ruth Sheet';
const COLUMNS = 3;
/** Colours that differ from one another and from most pictures. */
const HUES = [200, 28, 130, 280, 52, 340, 170, 0, 240, 90];
const KEYPOINT_SEEN = 0.2;

let fontIsThere = false;

/** A font that an npm package brings: a machine without a screen has none. */
function useFont(): void {
  if (fontIsThere) return;
  GlobalFonts.registerFromPath(join(dirname(photoStrip()), 'lato-light.woff2'), FONT);
  fontIsThere = true;
}

const font = (size: number): string => `bold ${size}px "${FONT}", sans-serif`;

/** A picture file: PNG where its name ends so, else JPEG. */
export const encodeSheet = (sheet: Canvas, file: string): Promise<Buffer> => (/\.png$/i.test(file) ? sheet.encode('png') : sheet.encode('jpeg', 88));

export function contactSheet(pictures: readonly SeenPicture[], text: SheetText, mostColumns = COLUMNS): Canvas {
  useFont();
  const columns = Math.max(1, Math.min(mostColumns, pictures.length));
  const rows = Math.ceil(pictures.length / columns);
  const vectors = pictures.map(({ detections }) => detections[0]?.embedding);
  const alike = vectors.length > 1 && vectors.every((vector) => vector !== undefined);
  const matrix = alike ? 60 + pictures.length * 42 : 0;
  const sheet = createCanvas(CELL.gap + columns * (CELL.width + CELL.gap), HEAD + rows * (CELL.height + CELL.caption + CELL.gap) + matrix + CELL.gap);
  const context = sheet.getContext('2d');
  context.fillStyle = '#14181d';
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = '#f2f5f7';
  context.font = font(28);
  context.fillText(text.title, CELL.gap, 38, sheet.width - 2 * CELL.gap);
  context.fillStyle = '#9fb0bd';
  context.font = font(17);
  context.fillText(text.subtitle, CELL.gap, 66, sheet.width - 2 * CELL.gap);
  for (const [index, picture] of pictures.entries()) {
    const x = CELL.gap + (index % columns) * (CELL.width + CELL.gap);
    const y = HEAD + Math.floor(index / columns) * (CELL.height + CELL.caption + CELL.gap);
    drawCell(context, picture, text.skeleton, x, y);
  }
  if (alike) drawLikeness(context, pictures, vectors, HEAD + rows * (CELL.height + CELL.caption + CELL.gap));
  return sheet;
}

function drawCell(context: SKRSContext2D, { name, canvas, detections }: SeenPicture, skeleton: SheetText['skeleton'], x: number, y: number): void {
  const scale = Math.min(CELL.width / canvas.width, CELL.height / canvas.height);
  const [width, height] = [canvas.width * scale, canvas.height * scale];
  const [left, top] = [x + (CELL.width - width) / 2, y + (CELL.height - height) / 2];
  context.fillStyle = '#0b0e11';
  context.fillRect(x, y, CELL.width, CELL.height);
  context.drawImage(canvas, left, top, width, height);
  context.save();
  context.beginPath();
  context.rect(x, y, CELL.width, CELL.height);
  context.clip();
  drawDetections(context, detections, skeleton, { left, top, width, height });
  context.restore();
  context.fillStyle = '#9fb0bd';
  context.font = font(15);
  context.fillText(`${name}: ${summary(detections)}`, x + 2, y + CELL.height + 19, CELL.width - 4);
}

export interface Place { readonly left: number; readonly top: number; readonly width: number; readonly height: number }

/** Faint ones first, so that what is sure lies on top. */
export function drawDetections(context: SKRSContext2D, detections: readonly Detection[], skeleton: SheetText['skeleton'], place: Place): void {
  const classified = detections.filter(isWhole);
  for (const detection of detections.toReversed()) {
    if (classified.includes(detection)) continue;
    const colour = `hsl(${HUES[detection.class_id % HUES.length]}, 90%, 62%)`;
    drawBox(context, detection, colour, place);
    drawSkeleton(context, detection, skeleton, place);
  }
  for (const [index, { class_name, confidence, embedding }] of classified.entries()) {
    label(context, embedding ? `${embedding.length} numbers` : `${class_name} ${Math.round(confidence * 100)} %`, `hsl(${HUES[index % HUES.length]}, 90%, 62%)`, place.left + 6, place.top + 26 + index * 24);
  }
}

const isWhole = ({ bbox: [left, top, right, bottom], keypoints }: Detection): boolean => !keypoints && left === 0 && top === 0 && right === 1 && bottom === 1;

function drawBox(context: SKRSContext2D, { bbox: [left, top, right, bottom], class_name, confidence }: Detection, colour: string, place: Place): void {
  const [x, y] = [place.left + left * place.width, place.top + top * place.height];
  context.lineWidth = 4;
  context.strokeStyle = 'rgba(0, 0, 0, 0.45)';
  context.strokeRect(x, y, (right - left) * place.width, (bottom - top) * place.height);
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.strokeRect(x, y, (right - left) * place.width, (bottom - top) * place.height);
  label(context, `${class_name} ${Math.round(confidence * 100)}`, colour, x - 1, Math.max(place.top + 19, y));
}

/** `y` is the lower edge. */
function label(context: SKRSContext2D, text: string, colour: string, x: number, y: number): void {
  context.font = font(14);
  const width = context.measureText(text).width + 8;
  context.fillStyle = colour;
  context.fillRect(x, y - 19, width, 19);
  context.fillStyle = '#0b0e11';
  context.fillText(text, x + 4, y - 5);
}

function drawSkeleton(context: SKRSContext2D, { keypoints }: Detection, skeleton: SheetText['skeleton'], place: Place): void {
  if (!keypoints) return;
  const at = (index: number): [number, number] | null => {
    const point = keypoints[index];
    return point && point[2] >= KEYPOINT_SEEN ? [place.left + point[0] * place.width, place.top + point[1] * place.height] : null;
  };
  context.lineWidth = 3;
  context.strokeStyle = '#ffe14d';
  for (const [from, to] of skeleton) {
    const [start, end] = [at(from), at(to)];
    if (!start || !end) continue;
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(...end);
    context.stroke();
  }
  context.fillStyle = '#ff4d6d';
  for (const index of keypoints.keys()) {
    const point = at(index);
    if (!point) continue;
    context.beginPath();
    context.arc(...point, 3, 0, 2 * Math.PI);
    context.fill();
  }
}

function summary(detections: readonly Detection[]): string {
  if (detections[0]?.embedding) return `a vector of ${detections[0].embedding.length} numbers`;
  const counts = new Map<string, number>();
  for (const { class_name } of detections) counts.set(class_name, (counts.get(class_name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} x ${name}`).join(', ') || 'nothing';
}

/** Cosines of all pairs: bright is alike. */
function drawLikeness(context: SKRSContext2D, pictures: readonly SeenPicture[], vectors: readonly (readonly number[])[], top: number): void {
  context.fillStyle = '#f2f5f7';
  context.font = font(18);
  context.fillText('How alike the samples are (1 is the same)', CELL.gap, top + 24);
  context.font = font(14);
  for (const [row, one] of vectors.entries()) {
    context.fillStyle = '#9fb0bd';
    context.fillText(pictures[row]!.name, CELL.gap, top + 68 + row * 42, 130);
    for (const [column, other] of vectors.entries()) {
      const cosine = one.reduce((sum, value, index) => sum + value * other[index]!, 0);
      const [x, y] = [CELL.gap + 140 + column * 74, top + 42 + row * 42];
      context.fillStyle = `hsl(200, 80%, ${Math.round(12 + 60 * Math.max(0, cosine))}%)`;
      context.fillRect(x, y, 70, 38);
      context.fillStyle = cosine > 0.6 ? '#0b0e11' : '#f2f5f7';
      context.fillText(cosine.toFixed(2), x + 20, y + 24);
    }
  }
}
