import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AddressPolicy, createLogger } from '@ruth/transport';
import { Codec, CodecContext, Frame } from 'node-av/lib';
import { AV_CODEC_ID_AAC, AV_SAMPLE_FMT_FLTP } from 'node-av/constants';
import { StreamIngest } from '../src/ingest/stream-ingest.ts';
import { StreamRates } from '../src/ingest/stream-rates.ts';
import { openDecoder } from '../src/media/format-probe.ts';
import { ffmpegPacket, TICKS_PER_SECOND, type AudioFormat, type AudioPacket, type MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { Clips, ffmpeg, noCamera, RealCamera } from './real-camera.ts';

const real = { skip: noCamera };
const SECONDS = 7;
const MAX_APART_S = 0.1;
let clips: Clips;
let camera: RealCamera;

/** White and a tone for the first tenth of every second. */
async function flashes(name: string, ...audio: string[]): Promise<string> {
  const path = `${clips.directory}/${name}`;
  await ffmpeg('-f', 'lavfi', '-i', "color=black:s=160x120:r=25,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.1)'", '-f', 'lavfi', '-i', "aevalsrc='0.8*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000",
    '-t', '60', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '25', '-pix_fmt', 'yuv420p', ...audio, path);
  return path;
}

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  const aac = await flashes('aac.mp4', '-c:a', 'aac');
  const pcm = await flashes('pcm.mov', '-c:a', 'pcm_s16le');
  const both = (clip: string, audio: string): string => `filesrc location=${clip} ! qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 config-interval=-1 d.audio_0 ! queue ! ${audio} name=pay1`;
  camera = await RealCamera.start({
    aac: both(aac, 'aacparse ! rtpmp4gpay'), latm: both(aac, 'aacparse ! rtpmp4apay'),
    pcmu: both(pcm, 'audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay'),
    pcma: both(pcm, 'audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay'),
    l16: both(pcm, 'audioconvert ! audioresample ! audio/x-raw,format=S16BE,rate=44100,channels=2 ! rtpL16pay'),
    opus: both(pcm, 'audioconvert ! audioresample ! opusenc ! rtpopuspay'),
    vorbis: both(pcm, 'audioconvert ! vorbisenc ! rtpvorbispay'),
    silent: `filesrc location=${aac} ! qtdemux ! h264parse ! rtph264pay name=pay0 config-interval=-1`,
  });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

interface Heard { readonly format: StreamFormat; readonly pictures: MediaPacket[]; readonly sounds: AudioPacket[]; readonly codec: string | null }

/** Reads a stream until it has seen some seconds of both, or of the picture where no sound is expected. */
async function read(mount: string, { audio = true, transport = 'tcp', silent = false }: { audio?: boolean; transport?: 'tcp' | 'udp'; silent?: boolean } = {}): Promise<Heard> {
  const stop = new AbortController();
  const pictures: MediaPacket[] = [];
  const sounds: AudioPacket[] = [];
  const formats: StreamFormat[] = [];
  const span = (packets: readonly { readonly ptsTicks: number }[]): number => packets.length === 0 ? 0 : packets.at(-1)!.ptsTicks - packets[0]!.ptsTicks;
  let codec: string | null = null;
  const look = (): void => {
    codec ??= stream.audioCodec;
    if ([pictures, ...(silent ? [] : [sounds])].every((packets) => span(packets) > SECONDS * TICKS_PER_SECOND)) stop.abort();
  };
  const stream: StreamIngest = new StreamIngest({
    url: camera.url(mount), transport, audio, addresses: AddressPolicy.forCameras(), stallTimeoutMs: 20_000, firstEpoch: 1, rates: new StreamRates(), logger: createLogger('kernel', 'silent'), onChange: () => undefined, onHang: () => undefined,
    consumers: [{ begin: (format) => formats.push(format), accept: (packet) => { pictures.push(packet); look(); }, acceptAudio: (packet) => { sounds.push(packet); look(); } }],
  });
  await stream.run(AbortSignal.any([stop.signal, AbortSignal.timeout(90_000)]));
  assert.ok(stop.signal.aborted, `${mount}: in vain: ${pictures.length} pictures, ${sounds.length} sounds, ${JSON.stringify(stream.lastError)}`);
  return { format: formats.at(-1)!, pictures, sounds, codec };
}

/** Seconds at which it becomes bright. */
async function flashesSeen({ format, pictures }: Heard): Promise<number[]> {
  using decoder = await openDecoder(format.codec, format.parameterSets);
  using frame = new Frame();
  frame.alloc();
  const begins: number[] = [];
  let bright = true;
  for (const { data, keyframe, ptsTicks } of pictures) {
    using packet = ffmpegPacket(data, keyframe);
    packet.pts = BigInt(ptsTicks);
    decoder.sendPacketSync(packet);
    while (decoder.receiveFrameSync(frame) >= 0) {
      const isBright = frame.data![0]![0]! > 128;
      if (isBright && !bright) begins.push(Number(frame.pts) / TICKS_PER_SECOND);
      bright = isBright;
      frame.unref();
    }
  }
  return begins;
}

/** Seconds at which the tone begins. */
function tonesHeard({ config, channels }: AudioFormat, sounds: readonly AudioPacket[]): number[] {
  using decoder = new CodecContext();
  const codec = Codec.findDecoder(AV_CODEC_ID_AAC)!;
  decoder.allocContext3(codec);
  decoder.extraData = config;
  assert.equal(decoder.open2Sync(codec, null), 0);
  using frame = new Frame();
  frame.alloc();
  const begins: number[] = [];
  let quietSamples = 0;
  for (const { data, ptsTicks } of sounds) {
    using packet = ffmpegPacket(data, true);
    assert.ok(decoder.sendPacketSync(packet) >= 0);
    while (decoder.receiveFrameSync(frame) >= 0) {
      assert.deepEqual([frame.format, frame.channels], [AV_SAMPLE_FMT_FLTP, channels]);
      for (let sample = 0; sample < frame.nbSamples; sample++) {
        const loud = Math.abs(frame.data![0]!.readFloatLE(sample * 4)) > 0.2;
        if (loud && quietSamples > frame.sampleRate / 2) begins.push(ptsTicks / TICKS_PER_SECOND + sample / frame.sampleRate);
        quietSamples = loud ? 0 : quietSamples + 1;
      }
      frame.unref();
    }
  }
  return begins;
}

async function assertInStep(heard: Heard, what: string): Promise<void> {
  const { format, sounds } = heard;
  for (const [index, { ptsTicks, durationTicks }] of sounds.entries()) {
    const previous = sounds[index - 1];
    assert.ok(durationTicks > 0 && (!previous || ptsTicks >= previous.ptsTicks + previous.durationTicks), `${what}: times grow`);
  }
  // The clocks of both streams may still be being settled in the first second.
  const from = heard.pictures[0]!.ptsTicks / TICKS_PER_SECOND + 1;
  const [seen, tones] = [(await flashesSeen(heard)).filter((at) => at > from), tonesHeard(format.audio!, sounds).filter((at) => at > from)];
  assert.ok(seen.length >= 4 && tones.length >= 4, `${what}: ${seen.length} flashes, ${tones.length} tones`);
  const both = seen.filter((at) => at > tones[0]! - 0.5 && at < tones.at(-1)! + 0.5);
  for (const at of both) {
    const apart = Math.min(...tones.map((tone) => Math.abs(tone - at)));
    assert.ok(apart <= MAX_APART_S, `${what}: a flash at ${at}, its tone ${apart} s apart; tones at ${tones.join(' ')}`);
  }
}

test('AAC is kept as it is and in step with the picture, whichever way it is packed and read', real, async () => {
  for (const [mount, transport] of [['aac', 'tcp'], ['latm', 'tcp'], ['aac', 'udp']] as const) {
    const heard = await read(mount, { transport });
    const { sampleRate, channels } = heard.format.audio!;
    assert.deepEqual([heard.codec, sampleRate, channels, heard.sounds[0]!.durationTicks], ['aac', 48_000, 1, 1920]);
    await assertInStep(heard, `${mount} over ${transport}`);
  }
});

test('G.711, L16 and Opus become AAC that is in step with the picture', real, async () => {
  for (const [mount, codec, rate, channels] of [['pcmu', 'pcmu', 16_000, 1], ['pcma', 'pcma', 16_000, 1], ['l16', 'l16', 44_100, 2], ['opus', 'opus', 48_000, 2]] as const) {
    const heard = await read(mount);
    const { sampleRate, channels: found } = heard.format.audio!;
    assert.deepEqual([heard.codec, sampleRate, found], [codec, rate, channels], mount);
    await assertInStep(heard, mount);
  }
});

test('sound that is not there, not wanted or not understood costs no picture', real, async () => {
  for (const [mount, audio] of [['silent', true], ['aac', false], ['vorbis', true]] as const) {
    const { format, sounds, codec, pictures } = await read(mount, { audio, silent: true });
    assert.deepEqual([format.audio, sounds.length, codec], [null, 0, null], mount);
    assert.ok(pictures.length > SECONDS * 20);
  }
});
