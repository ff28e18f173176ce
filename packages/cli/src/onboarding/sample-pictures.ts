// Pictures to try a model on: those of a folder, some of a clip, or photos of people that an npm package ships. Each is a canvas,
// so that it can be drawn on, and a frame in a ring, as a camera would deliver it.
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { type Canvas, createCanvas, loadImage } from '@napi-rs/canvas';
import { COLOUR_MATRIX, COLOUR_RANGE, RuthError } from '@ruth/protocol';
import { RingWriter } from '@ruth/transport';
import { photoStrip } from '../demo/photo-clip.ts';
import { framesOfClip } from './clip-frames.ts';

export interface SamplePicture { readonly name: string; readonly canvas: Canvas }

export const MOST_PICTURES = 12;
const LARGEST_SIDE = 1280;
const PICTURE = /\.(jpe?g|png|webp)$/i;
const CLIP = /\.(mp4|mkv|mov|avi|ts|webm|h264|264|h265|265)$/i;

/** Photos in the strip of `@vladmandic/human`, as left and right edge of 1280; the strip is 158 high. */
const STRIP = { height: 158, photos: [[326, 537], [545, 633], [642, 788], [797, 903], [911, 1122], [1130, 1275]], enlarged: 3 } as const;

/** `source`: a folder, a picture or a clip; the built-in photos where it is undefined. Throws `bad_request`. */
export async function samplePictures(source: string | undefined): Promise<SamplePicture[]> {
  if (source === undefined) return builtInPhotos();
  const stats = statSync(source, { throwIfNoEntry: false });
  if (!stats) throw new RuthError('bad_request', `${source} is not there; --samples takes a folder of pictures, a picture, or a clip`);
  const files = stats.isDirectory() ? readdirSync(source).filter((file) => PICTURE.test(file) || CLIP.test(file)).sort().map((file) => join(source, file)) : [source];
  const pictures: SamplePicture[] = [];
  for (const file of spread(files, MOST_PICTURES)) {
    const name = basename(file, extname(file));
    if (CLIP.test(file)) {
      const frames = (await framesOfClip(file)).map((canvas, index) => ({ name: `${name} ${index + 1}`, canvas }));
      pictures.push(...spread(frames, Math.max(1, Math.ceil(MOST_PICTURES / files.length))));
    } else pictures.push({ name, canvas: await pictureOf(file) });
  }
  if (pictures.length === 0) throw new RuthError('bad_request', `${source} holds no picture (.jpg, .png, .webp) and no clip (.mp4, .mkv, ...)`);
  return pictures.slice(0, MOST_PICTURES);
}

async function pictureOf(file: string): Promise<Canvas> {
  try {
    const image = await loadImage(file);
    const scale = Math.min(1, LARGEST_SIDE / Math.max(image.width, image.height));
    const canvas = evenCanvas(image.width * scale, image.height * scale);
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } catch (cause) {
    throw new RuthError('bad_request', `${file} cannot be read as a picture: ${(cause as Error).message}`, { cause });
  }
}

async function builtInPhotos(): Promise<SamplePicture[]> {
  const strip = await loadImage(photoStrip()).catch(() => null);
  if (strip === null) return madePictures();
  return STRIP.photos.map(([left, right], index) => {
    const canvas = evenCanvas((right - left) * STRIP.enlarged, (STRIP.height - 4) * STRIP.enlarged);
    canvas.getContext('2d').drawImage(strip, left, 2, right - left, STRIP.height - 4, 0, 0, canvas.width, canvas.height);
    return { name: `photo ${index + 1}`, canvas };
  });
}

/** Coloured things on a ground that changes: nothing that a detector knows, but something to look at. */
function madePictures(): SamplePicture[] {
  return Array.from({ length: 4 }, (_, index) => {
    const canvas = evenCanvas(640, 480);
    const context = canvas.getContext('2d');
    const ground = context.createLinearGradient(0, 0, 640, 480);
    ground.addColorStop(0, `hsl(${index * 90}, 30%, 30%)`);
    ground.addColorStop(1, `hsl(${index * 90 + 60}, 40%, 70%)`);
    context.fillStyle = ground;
    context.fillRect(0, 0, 640, 480);
    for (let thing = 0; thing < 6; thing++) {
      context.fillStyle = `hsl(${thing * 60 + index * 20}, 70%, 50%)`;
      context.fillRect(40 + 95 * thing, 60 + 45 * ((thing + index) % 5), 60, 110 + 20 * index);
    }
    return { name: `made ${index + 1}`, canvas };
  });
}

export function evenCanvas(width: number, height: number): Canvas {
  return createCanvas(Math.max(2, Math.round(width / 2) * 2), Math.max(2, Math.round(height / 2) * 2));
}

/** A ring of its own for a picture: frame 0, and its mirror image as frame 1. */
export function ringOfPicture({ canvas }: SamplePicture, cameraId: string, ringDirectory: string): RingWriter {
  const { width, height } = canvas;
  const ring = RingWriter.create({ cameraId, width, height, format: 'NV12', slotCount: 2, ringDirectory });
  const mirror = createCanvas(width, height);
  const context = mirror.getContext('2d');
  context.setTransform(-1, 0, 0, 1, width, 0);
  context.drawImage(canvas, 0, 0);
  for (const picture of [canvas, mirror]) {
    const { planes, strides } = ring.begin();
    toNv12(picture.getContext('2d').getImageData(0, 0, width, height).data, width, height, planes, strides);
    ring.publish({ ptsUs: 0, capturedAtUs: Date.now() * 1000, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 });
  }
  return ring;
}

/** RGBA to NV12 as most cameras send it: BT.709 of limited range, chroma of four pixels together. */
function toNv12(pixels: Uint8ClampedArray, width: number, height: number, [luma, chroma]: readonly Buffer[], strides: readonly number[]): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4;
      luma![y * strides[0]! + x] = 16.5 + 0.1826 * pixels[at]! + 0.6142 * pixels[at + 1]! + 0.062 * pixels[at + 2]!;
    }
  }
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      const sum = [0, 0, 0];
      for (const at of [(y * width + x) * 4, (y * width + x + 1) * 4, ((y + 1) * width + x) * 4, ((y + 1) * width + x + 1) * 4]) {
        for (let channel = 0; channel < 3; channel++) sum[channel]! += pixels[at + channel]! / 4;
      }
      const [red, green, blue] = sum as [number, number, number];
      const to = (y / 2) * strides[1]! + x;
      chroma![to] = 128.5 - 0.1006 * red - 0.3386 * green + 0.4392 * blue;
      chroma![to + 1] = 128.5 + 0.4392 * red - 0.3989 * green - 0.0403 * blue;
    }
  }
}

/** At most `most` of them, evenly from the first to the last. */
function spread<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, index) => items[Math.floor(index * items.length / most)]!);
}
