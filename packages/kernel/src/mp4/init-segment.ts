// Makes a file's init (ftyp and moov) of a stream's format: FFmpeg knows the boxes of each codec. Once per format.
import { RuthError } from '@ruth/protocol';
import { CodecParameters, Dictionary, FormatContext, IOContext, Rational } from 'node-av/lib';
import { AV_CODEC_ID_AAC, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { TICKS_PER_SECOND, type AudioFormat, type StreamFormat } from '../media/media-packet.ts';
import { boxes, descendant } from './boxes.ts';
import { describeInit } from './init-description.ts';

const IO_BUFFER_BYTES = 64 << 10;

/** Track 1 is the video, track 2 the sound where the format has some; both count in 1/90000 s. Throws `stream_corrupt`. */
export async function initSegment(format: StreamFormat): Promise<Buffer> {
  const context = new FormatContext();
  const io = new IOContext();
  const written: Buffer[] = [];
  context.allocOutputContext2(null, 'mp4', null);
  addVideo(context, format);
  if (format.audio !== null) addAudio(context, format.audio);
  io.allocContextWithCallbacks(IO_BUFFER_BYTES, 1, null, (bytes) => {
    written.push(Buffer.from(bytes));
    return bytes.length;
  });
  context.pb = io;
  try {
    using options = Dictionary.fromObject({ movflags: 'empty_moov+default_base_moof', video_track_timescale: TICKS_PER_SECOND });
    const status = await context.writeHeader(options);
    await io.flush();
    const init = Buffer.concat(written);
    // FFmpeg takes parameter sets that make no decoder, too.
    if (status < 0 || describeInit(init) === null) throw new RuthError('stream_corrupt', 'the parameter sets of the stream make no MP4');
    await context.writeTrailer();
    return withOneTimescale(init);
  } finally {
    context.pb = null;
    io.freeContext();
    context.freeContext();
  }
}

function addVideo(context: FormatContext, { codec, width, height, parameterSets }: StreamFormat): void {
  const stream = context.newStream();
  using parameters = new CodecParameters();
  parameters.alloc();
  parameters.codecType = AVMEDIA_TYPE_VIDEO;
  parameters.codecId = codec === 'h264' ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC;
  parameters.codecTag = codec === 'h264' ? 'avc1' : 'hvc1';
  parameters.width = width;
  parameters.height = height;
  parameters.extradata = parameterSets;
  parameters.copy(stream.codecpar);
  stream.timeBase = new Rational(1, TICKS_PER_SECOND);
}

function addAudio(context: FormatContext, { config, sampleRate, channels }: AudioFormat): void {
  const stream = context.newStream();
  using parameters = new CodecParameters();
  parameters.alloc();
  parameters.codecType = AVMEDIA_TYPE_AUDIO;
  parameters.codecId = AV_CODEC_ID_AAC;
  parameters.sampleRate = sampleRate;
  parameters.channels = channels;
  parameters.frameSize = 1024;
  parameters.extradata = config;
  parameters.copy(stream.codecpar);
  stream.timeBase = new Rational(1, sampleRate);
}

/** FFmpeg counts sound in samples; here all media counts in the same ticks, so that whoever moves it in time needs not ask. */
function withOneTimescale(init: Buffer): Buffer {
  for (const moov of boxes(init)) {
    if (moov.type !== 'moov') continue;
    for (const trak of boxes(init, moov.body, moov.end)) {
      const mdhd = trak.type === 'trak' ? descendant(init, trak, 'mdia', 'mdhd') : null;
      if (mdhd !== null) init.writeUInt32BE(TICKS_PER_SECOND, mdhd.body + (init[mdhd.body] === 1 ? 20 : 12));
    }
  }
  return init;
}
