// A live camera whose pictures say when they were drawn: a moving test picture with the wall clock as black and white blocks in
// its first rows, encoded at once as cameras do it, and served over RTSP. For `live.bench.ts`, which reads the blocks back.
//
//   node stamped-camera.ts GOP_PICTURES       prints { url }, then every second { encode_ms: [...] }, from drawing to sending
import { Demuxer, Decoder } from 'node-av/api';
import { AV_LOG_ERROR, AV_PIX_FMT_YUV420P, FF_ENCODER_LIBX264 } from 'node-av/constants';
import { Codec, CodecContext, Dictionary, Frame, Log, Packet, Rational } from 'node-av/lib';
import { setTimeout as delay } from 'node:timers/promises';
import { LiveSource, RtspServer } from '../packages/kernel/src/live/rtsp/index.ts';
import { isParameterSet, splitByteStream } from '../packages/kernel/src/media/nal-units.ts';
import { STAMP, stampBits } from './models/stamp-reader/stamp.ts';

const [gop = '50'] = process.argv.slice(2);
const { width, height, fps, blockPixels, rows } = STAMP;
const LUMA = { black: 16, white: 235, neutralChroma: 128 } as const;

Log.setLevel(AV_LOG_ERROR);
const pictures = await testPictures(fps * 2);
const encoder = await openEncoder();
using packet = new Packet();
packet.alloc();
let source: LiveSource | null = null;
let encodeMs: number[] = [];
const startMs = performance.now();
await using server = await RtspServer.listen({ source: () => source });
for (let index = 0; ; index++) {
  await delay(Math.max(0, startMs + index * 1000 / fps - performance.now()));
  const drawnAt = Date.now();
  const before = performance.now();
  const pixels = pictures[index % pictures.length]!;
  draw(pixels, drawnAt);
  using frame = Frame.fromVideoBuffer(pixels, { width, height, format: AV_PIX_FMT_YUV420P, pts: BigInt(index), timeBase: { num: 1, den: fps } });
  await encoder.sendFrame(frame);
  while (await encoder.receivePacket(packet) >= 0) {
    const nals = splitByteStream(Buffer.from(packet.data!));
    if (source === null) {
      source = new LiveSource({ codec: 'h264', parameterSets: nals.filter((nal) => isParameterSet('h264', nal)), frameRate: fps });
      console.log(JSON.stringify({ url: server.url('stamped') }));
    }
    source.push({ nals, keyframe: packet.isKeyframe, ptsUs: Number(packet.pts) * 1e6 / fps });
    packet.unref();
  }
  encodeMs.push(performance.now() - before);
  if (encodeMs.length < fps) continue;
  console.log(JSON.stringify({ encode_ms: encodeMs }));
  encodeMs = [];
}

function draw(pixels: Buffer, nowMs: number): void {
  const bits = stampBits(nowMs);
  for (let row = 0; row < rows; row++) for (const [index, bit] of bits.entries()) pixels.fill(bit ? LUMA.white : LUMA.black, row * width + index * blockPixels, row * width + (index + 1) * blockPixels);
  for (const plane of [width * height, width * height * 5 / 4]) pixels.fill(LUMA.neutralChroma, plane, plane + rows / 2 * width / 2);
}

async function testPictures(count: number): Promise<Buffer[]> {
  await using demuxer = await Demuxer.open(`testsrc2=s=${width}x${height}:r=${fps}`, { format: 'lavfi' });
  using decoder = await Decoder.create(demuxer.video()!);
  const found: Buffer[] = [];
  for await (using frame of decoder.frames(demuxer.packets())) {
    if (frame) found.push(frame.toBuffer());
    if (found.length === count) break;
  }
  return found;
}

async function openEncoder(): Promise<CodecContext> {
  const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264)!;
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = width;
  context.height = height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(1, fps);
  context.framerate = new Rational(fps, 1);
  context.gopSize = Number(gop);
  context.maxBFrames = 0;
  context.threadCount = 1;
  using options = Dictionary.fromObject({ preset: 'ultrafast', tune: 'zerolatency', crf: '26', 'x264-params': `scenecut=0:keyint=${gop}:min-keyint=${gop}` });
  if (await context.open2(codec, options) < 0) throw new Error('FFmpeg lacks libx264');
  return context;
}
