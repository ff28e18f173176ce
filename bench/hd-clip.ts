// The 1080p25 clip that benches decode: H.264, no reordered pictures unless told, a keyframe a second; made once, kept in the
// machine's temporary folder. Pedestrians from the shared test data where they are, else a noisy test picture.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decoder, Demuxer, Encoder, FilterAPI, Muxer } from 'node-av/api';
import { AV_LOG_ERROR, FF_ENCODER_LIBX264 } from 'node-av/constants';
import { Log, type Packet } from 'node-av/lib';

export const CLIP_FPS = 25;
const FRAMES = 250;
const PEDESTRIANS = join(import.meta.dirname, '..', '..', 'shared', 'data', 'video', 'vtest_h264.mp4');

export interface HdClip { readonly path: string; readonly content: string }

/** `width` x `height`: 1080p unless told. `unneeded`: pictures between two others from which no other is predicted. */
export async function hdClip(width = 1920, height = 1080, unneeded = 0): Promise<HdClip> {
  const content = existsSync(PEDESTRIANS) ? 'pedestrians' : 'test-picture';
  const folder = join(tmpdir(), 'ruth-bench');
  const path = join(folder, `${content}-${height}p25${unneeded > 0 ? `-b${unneeded}` : ''}.mp4`);
  if (existsSync(path)) return { path, content };
  mkdirSync(folder, { recursive: true });
  Log.setLevel(AV_LOG_ERROR);
  const unfinished = join(folder, `${process.pid}.mp4`);
  {
    await using demuxer = content === 'pedestrians'
      ? await Demuxer.open(PEDESTRIANS)
      : await Demuxer.open('testsrc2=s=960x540:r=25:d=10,noise=alls=10:allf=t', { format: 'lavfi' });
    using decoder = await Decoder.create(demuxer.video()!);
    // Every picture of the source is one of the clip: repeated ones would be decoded for nothing.
    using filter = FilterAPI.create(`settb=1/${CLIP_FPS},setpts=N,fps=${CLIP_FPS},scale=${width}:${height},format=yuv420p`);
    using encoder = await Encoder.create(FF_ENCODER_LIBX264, {
      decoder, filter, gopSize: CLIP_FPS, maxBFrames: unneeded, threadCount: 0,
      options: { preset: 'veryfast', crf: 23, ...(unneeded > 0 ? { 'x264-params': 'b-adapt=0:b-pyramid=none' } : {}) },
    });
    await using muxer = await Muxer.open(unfinished, { format: 'mp4', input: demuxer });
    const output = muxer.addStream(encoder);
    for await (using packet of encoder.packets(filter.frames(decoder.frames(firstPackets(demuxer))))) if (packet) await muxer.writePacket(packet, output);
  }
  renameSync(unfinished, path);
  return { path, content };
}

/** Of as many frames as wanted; null lets the decoder give out what it still holds. */
async function* firstPackets(demuxer: Demuxer): AsyncGenerator<Packet | null> {
  let count = 0;
  for await (const packet of demuxer.packets(demuxer.video()!.index)) {
    if (packet) yield packet;
    if (++count >= FRAMES) break;
  }
  yield null;
}
