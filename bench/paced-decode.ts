// FFmpeg decoding a clip to nothing with one thread, picture after picture in real time and without end, until it is killed.
// Nothing is read or demuxed meanwhile: the packets are in memory. Prints "ready" when it begins.
//
//   node paced-decode.ts CLIP FRAMES_PER_SECOND
//
// A decoder that sleeps between pictures finds its caches cold and costs more than one that runs through a file: so a
// real-time stream is compared with this.
import { setTimeout as delay } from 'node:timers/promises';
import { Demuxer } from 'node-av/api';
import { Frame, type Packet } from 'node-av/lib';
import { openClipDecoder } from './clip-decoder.ts';

const [clip = '', fps = '25'] = process.argv.slice(2);
const periodMs = 1000 / Number(fps);
const packets: (Packet | null)[] = [];
await using demuxer = await Demuxer.open(clip);
const stream = demuxer.video()!;
for await (using packet of demuxer.packets(stream.index)) if (packet) packets.push(packet.clone());
using context = await openClipDecoder(stream);
using frame = new Frame();
frame.alloc();
console.log('ready');
const startMs = performance.now();
for (let index = 0; ; index++) {
  await delay(Math.max(0, startMs + index * periodMs - performance.now()));
  context.sendPacketSync(packets[index % packets.length]!);
  while (context.receiveFrameSync(frame) >= 0) frame.unref();
}
