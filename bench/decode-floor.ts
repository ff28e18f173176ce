// The floor that video costs are compared with: FFmpeg decoding a clip to nothing with one thread, demuxing included.
//
//   node decode-floor.ts CLIP FRAMES      prints { cpu_ms_per_frame, frames }; start of the process is not counted
import { Demuxer } from 'node-av/api';
import { Frame } from 'node-av/lib';
import { openClipDecoder } from './clip-decoder.ts';

const [clip = '', count = '250'] = process.argv.slice(2);
const wanted = Number(count);
let frames = 0;
let cpuMs = 0;
while (frames < wanted) {
  await using demuxer = await Demuxer.open(clip);
  const stream = demuxer.video()!;
  using context = await openClipDecoder(stream);
  using frame = new Frame();
  frame.alloc();
  const before = process.cpuUsage();
  for (using packet of demuxer.packetsSync(stream.index)) {
    context.sendPacketSync(packet);
    while (context.receiveFrameSync(frame) >= 0) {
      frames++;
      frame.unref();
    }
    if (packet === null || frames >= wanted) break;
  }
  const { user, system } = process.cpuUsage(before);
  cpuMs += (user + system) / 1000;
}
console.log(JSON.stringify({ cpu_ms_per_frame: cpuMs / frames, frames }));
