// Images with boxes in YOLO format: a line for each box, "class x_centre y_centre width height", shares of the image.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import type { LabelledBox } from './average-precision.ts';

export interface LabelledImage {
  readonly path: string;
  /** In pixels of an image of that size. */
  truth(width: number, height: number): LabelledBox[];
}

/** Images without a label file have no boxes; a folder without any label is a mistake. Without a folder of labels no image has any. */
export function labelledImages(imagesFolder: string, labelsFolder: string | undefined): LabelledImage[] {
  const images = readdirSync(imagesFolder).filter((file) => /\.jpe?g$/i.test(file)).sort();
  if (images.length === 0) throw new Error(`${imagesFolder} holds no images (.jpg)`);
  if (labelsFolder === undefined) return images.map((file) => ({ path: join(imagesFolder, file), truth: () => [] }));
  const labelOf = (file: string): string => join(labelsFolder, `${parse(file).name}.txt`);
  if (!images.some((file) => existsSync(labelOf(file)))) throw new Error(`${labelsFolder} holds no labels for the images: ${labelOf(images[0]!)} is not there`);
  return images.map((file) => ({
    path: join(imagesFolder, file),
    truth: (width, height) => (existsSync(labelOf(file)) ? readFileSync(labelOf(file), 'utf8') : '').split('\n').filter((line) => line.trim() !== '').map((line) => {
      const [classId, x, y, w, h] = line.trim().split(/\s+/).map(Number) as [number, number, number, number, number];
      return { classId, left: (x - w / 2) * width, top: (y - h / 2) * height, right: (x + w / 2) * width, bottom: (y + h / 2) * height };
    }),
  }));
}
