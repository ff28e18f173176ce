// The demo camera's clip, by the first way that works: the user's own, a well-known pedestrian sample, or one made from
// photos that an npm package ships. What was made once is kept in the cache; a file there is always complete.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CameraIntent, RuthError } from '@ruth/protocol';
import { PHOTO_INTENT, SAMPLE_INTENT } from './intent.ts';
import { makePhotoClip, photoStrip } from './photo-clip.ts';
import { playsAsItIs, transcode } from './transcode.ts';
import { SAMPLE_SHA256, sampleWays, type SampleWay } from './sample-video.ts';

export interface DemoClip {
  readonly path: string;
  /** One sentence for the page: which clip it is. */
  readonly description: string;
  /** What is looked for in it; null where nobody knows what it shows. */
  readonly intent: CameraIntent | null;
}

export interface DemoClipOptions {
  /** Made where it is missing. */
  readonly cacheDirectory: string;
  /** Hears what is being done, a line each; progress comes about once a second. */
  readonly log: (line: string) => void;
  /** The user's own clip (RUTH_DEMO_CLIP). */
  readonly clip?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How to come by the pedestrian sample, first to last; all that are known unless told. */
  readonly ways?: readonly SampleWay[];
}

/** Where the sample could not be had, it is asked for again only after so long. */
const RETRY_SAMPLE_MS = 24 * 3600 * 1000;

/** Part of every cached name: a change of the encoding makes the clips anew. */
const ENCODING = 'v1';

/** Throws `not_found` or `camera_no_video` for the user's own clip, `cancelled` by `signal`, and `internal` where no way works. */
export async function prepareDemoClip(options: DemoClipOptions): Promise<DemoClip> {
  await mkdir(options.cacheDirectory, { recursive: true });
  if (options.clip !== undefined && options.clip !== '') return userClip(options.clip, options);
  return await sampleClip(options) ?? photoClip(options);
}

async function userClip(path: string, options: DemoClipOptions): Promise<DemoClip> {
  if (!existsSync(path)) throw new RuthError('not_found', `the demo clip ${path} does not exist`);
  const description = `Your clip ${basename(path)}, in an endless loop.`;
  if (await playsAsItIs(path)) return { path, description, intent: null };
  const made = await cached(`own-${(await sha256Of(path)).slice(0, 16)}`, options, (target) => {
    options.log(`converting ${basename(path)} to H.264`);
    return transcode(path, target, { log: options.log, signal: options.signal });
  });
  return { path: made, description, intent: null };
}

async function sampleClip(options: DemoClipOptions): Promise<DemoClip | null> {
  const description = 'Sample video: pedestrians, vtest.avi of the OpenCV project, in an endless loop.';
  const name = `vtest-${SAMPLE_SHA256.slice(0, 16)}`;
  const target = cachePath(name, options);
  if (existsSync(target)) return { path: target, description, intent: SAMPLE_INTENT };
  if (await triedLately(options)) return null;
  const original = join(options.cacheDirectory, `vtest-${process.pid}.avi`);
  try {
    for (const way of options.ways ?? sampleWays()) {
      try {
        await way.obtain(original, options.log, options.signal);
        if (await sha256Of(original) !== SAMPLE_SHA256) throw new Error('what came is another file (sha256 differs)');
        options.log('converting the sample video to H.264');
        const path = await cached(name, options, (part) => transcode(original, part, { log: options.log, signal: options.signal }));
        return { path, description, intent: SAMPLE_INTENT };
      } catch (error) {
        if (options.signal?.aborted) throw new RuthError('cancelled', 'the demo clip was not waited for', { cause: error });
        options.log(`sample video not from ${way.name}: ${(error as Error).message}`);
      }
    }
    return null;
  } finally {
    await rm(original, { force: true });
  }
}

async function photoClip(options: DemoClipOptions): Promise<DemoClip> {
  const photo = photoStrip();
  const name = await photoClipName(photo);
  const path = await cached(name, options, (target) => {
    options.log('making a clip from photos of the npm package @vladmandic/human');
    return makePhotoClip(photo, target, { log: options.log, signal: options.signal });
  });
  return { path, description: 'A pan over photos of people from the npm package @vladmandic/human, as the sample video could not be fetched.', intent: PHOTO_INTENT };
}

async function photoClipName(photo: string): Promise<string> {
  return `photos-${createHash('sha256').update(await readFile(photo)).digest('hex').slice(0, 16)}`;
}

async function triedLately(options: DemoClipOptions): Promise<boolean> {
  const path = cachePath(await photoClipName(photoStrip()), options);
  return existsSync(path) && Date.now() - statSync(path).mtimeMs < RETRY_SAMPLE_MS;
}

/** Makes the file where the cache lacks it; it appears under its name only when complete. */
async function cached(name: string, options: DemoClipOptions, make: (target: string) => Promise<void>): Promise<string> {
  const path = cachePath(name, options);
  if (existsSync(path)) return path;
  const part = join(options.cacheDirectory, `${name}-${process.pid}.part`);
  try {
    await make(part);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return path;
}

const cachePath = (name: string, { cacheDirectory }: DemoClipOptions): string => join(cacheDirectory, `${name}-${ENCODING}.mp4`);

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
