// The keyframes of a clip as pictures: they can be decoded alone, and any clip has some.
import { type Canvas, createCanvas } from '@napi-rs/canvas';
import { Decoder, Demuxer, FilterAPI } from 'node-av/api';
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { RuthError } from '@ruth/protocol';

/** Of a long clip the first ones are enough. */
const MOST_KEYFRAMES = 120;

/** Throws `bad_request` for a file that is no video. */
export async function framesOfClip(path: string): Promise<Canvas[]> {
  Log.setLevel(AV_LOG_ERROR);
  try {
    await using demuxer = await Demuxer.open(path);
    const stream = demuxer.video();
    if (!stream) throw new Error('it holds no video');
    using decoder = await Decoder.create(stream);
    using filter = FilterAPI.create('scale=w=\'trunc(min(iw,1280)/2)*2\':h=-2,format=rgba');
    const keyframes = async function* () {
      let sent = 0;
      for await (const packet of demuxer.packets(stream.index)) {
        if (packet === null || (packet.isKeyframe && sent++ < MOST_KEYFRAMES)) yield packet;
        else packet.free();
      }
    };
    const pictures: Canvas[] = [];
    for await (using frame of filter.frames(decoder.frames(keyframes()))) {
      if (!frame?.data) continue;
      const { width, height } = frame;
      const canvas = createCanvas(width, height - height % 2);
      const context = canvas.getContext('2d');
      const image = context.createImageData(width, height);
      for (let row = 0; row < height; row++) image.data.set(frame.data[0]!.subarray(row * frame.linesize[0]!, row * frame.linesize[0]! + width * 4), row * width * 4);
      context.putImageData(image, 0, 0);
      pictures.push(canvas);
    }
    if (pictures.length === 0) throw new Error('it holds no whole picture');
    return pictures;
  } catch (cause) {
    throw new RuthError('bad_request', `${path} cannot be read as a video: ${(cause as Error).message}`, { cause });
  }
}
