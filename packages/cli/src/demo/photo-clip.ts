// A clip for machines that can fetch nothing: a slow pan, there and back, over photos of people that an npm package ships.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { transcode, type TranscodeOptions } from './transcode.ts';

export const PHOTO_CLIP = { width: 768, height: 576, framesPerSecond: 15, durationS: 40 } as const;

/** A picture whose upper edge is a strip of small photos; below it one with drawings on the people, of no use here. */
export function photoStrip(): string {
  const entry = createRequire(import.meta.url).resolve('@vladmandic/human');
  return resolve(join(entry, '../../assets/samples.jpg'));
}

export async function makePhotoClip(photo: string, target: string, options: Pick<TranscodeOptions, 'log' | 'signal'>): Promise<void> {
  const { width, height, framesPerSecond, durationS } = PHOTO_CLIP;
  const frames = framesPerSecond * durationS;
  const filter = [
    'crop=740:156:540:1', // the photos that show people from head to knee or foot
    `scale=-2:${height}:flags=lanczos:out_range=tv`, 'setsar=1', 'format=yuv420p',
    'loop=loop=-1:size=1', `setpts=N/${framesPerSecond}/TB`, `fps=${framesPerSecond}`,
    `crop=${width}:${height}:x='(iw-ow)*(1-cos(2*PI*n/${frames}))/2':y=0`, `trim=end_frame=${frames}`,
  ].join(',');
  await transcode(photo, target, { ...options, filter, framesPerSecond, durationS });
}
