// Reads a MOTChallenge sequence: `seqinfo.ini`, `gt/gt.txt`, `det/*.txt` (frame, id, left, top, width, height, score, ...).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Pixels of the sequence: [left, top, right, bottom]. */
export type PixelBox = readonly [number, number, number, number];

export interface IdentifiedBox {
  readonly id: number;
  readonly box: PixelBox;
}

export interface DetectedBox {
  readonly score: number;
  readonly box: PixelBox;
}

export interface Sequence {
  readonly name: string;
  readonly framesPerSecond: number;
  /** Pixels, as its boxes are in. */
  readonly width: number;
  readonly height: number;
  /** By frame, the first of the sequence at 0. */
  readonly truth: readonly (readonly IdentifiedBox[])[];
  readonly publicDetections: readonly (readonly DetectedBox[])[];
  readonly yoloDetections: readonly (readonly DetectedBox[])[];
}

/** The public detector's scores are no probabilities: this many stand for certainty. */
const PUBLIC_SCORE_SCALE = 50;
const PEDESTRIAN = 1;
/** `yolov8n.txt` was made from the clip beside it, `<name>_<width>x<height>.mp4`; where there is none, from one no wider than this. */
const CLIP_WIDTH = 960;
const CLIP_NAME = /_(\d+)x\d+\.mp4$/;

/** Throws where a file is missing or has no `frameRate`, `seqLength`, `imWidth` or `imHeight`. */
export function readSequence(folder: string): Sequence {
  const info = new Map(readFileSync(join(folder, 'seqinfo.ini'), 'utf8').split('\n').map((line) => line.trim().split('=') as [string, string]));
  const number = (key: string): number => {
    const value = Number(info.get(key));
    if (!(value > 0)) throw new Error(`${join(folder, 'seqinfo.ini')} has no ${key}`);
    return value;
  };
  const length = number('seqLength');
  const byFrame = <T>(file: string, item: (row: readonly number[]) => T | null): T[][] => {
    const frames: T[][] = Array.from({ length }, () => []);
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      if (line.trim() === '') continue;
      const row = line.split(',').map(Number);
      const made = item(row);
      if (made !== null) frames[row[0]! - 1]?.push(made);
    }
    return frames;
  };
  const clipWidth = readdirSync(folder).map((name) => Number(CLIP_NAME.exec(name)?.[1])).find((width) => width > 0) ?? Math.min(CLIP_WIDTH, number('imWidth'));
  const yoloScale = number('imWidth') / clipWidth;
  return {
    name: info.get('name') ?? folder, framesPerSecond: number('frameRate'), width: number('imWidth'), height: number('imHeight'),
    // MOT15 names no class (-1); later challenges do, and mark what is not to be considered.
    truth: byFrame('gt/gt.txt', (row) => (row[6] === 1 && (row[7] === -1 || row[7] === PEDESTRIAN) ? { id: row[1]!, box: boxOf(row, 1) } : null)),
    publicDetections: byFrame('det/det.txt', (row) => ({ score: Math.min(Math.max(row[6]! / PUBLIC_SCORE_SCALE, 0), 1), box: boxOf(row, 1) })),
    yoloDetections: byFrame('det/yolov8n.txt', (row) => ({ score: row[6]!, box: boxOf(row, yoloScale) })),
  };
}

function boxOf(row: readonly number[], scale: number): PixelBox {
  const [left, top, width, height] = [row[2]! * scale, row[3]! * scale, row[4]! * scale, row[5]! * scale];
  return [left, top, left + width, top + height];
}
