import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readClip, type Clip } from '../src/live/rtsp/index.ts';
import { FloodingCamera } from './flooding-camera.ts';
import { Clips, noCamera } from './real-camera.ts';
import { TestKernel } from './test-kernel.ts';

const real = { skip: noCamera };
const MAX_MEMORY_MB = 900;
let clips: Clips;
let clip: Clip;
let recordings: string;

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  clip = await readClip(await clips.make('flood.mp4', { seconds: 4 }));
  // In memory: how fast the disk is, is not asked here.
  recordings = await mkdtemp('/dev/shm/ruth-test-');
});
after(async () => {
  await clips?.[Symbol.asyncDispose]();
  if (recordings) await rm(recordings, { recursive: true, force: true });
});

/** Filler data (type 12) of this length. */
const filler = (bytes: number): Buffer => Buffer.alloc(bytes, 0xff).fill(12, 0, 1);

test('a camera that floods loses no recorded picture and no bound: ten times too fast, 10 MB a picture, 2000 tiny ones a second', real, async () => {
  await using camera = await FloodingCamera.listen(clip.video.parameterSets);
  await using kernel = await TestKernel.start([{ id: 'cam', url: camera.url }], undefined, { recording: { directory: recordings, min_free_gb: 0 } });
  kernel.lease('cam', 25);
  await camera.playing();
  let ticks = 0;
  let sent = 0;
  const send = async (pictures: number, { stepTicks, paceMs, padding }: { stepTicks: number; paceMs: number; padding: number }): Promise<void> => {
    const startMs = performance.now();
    for (let picture = 0; picture < pictures; picture++) {
      // The next picture of the clip; a keyframe first, for a group goes on only where it is whole.
      const { nals } = clip.units[sent % clip.units.length]!;
      await camera.send(padding > 0 ? [...nals.slice(0, -1), filler(padding), nals.at(-1)!] : nals, ticks);
      ticks += stepTicks;
      sent++;
      const earlyMs = startMs + picture * paceMs - performance.now();
      if (earlyMs > 10) await delay(earlyMs);
    }
  };
  await send(100, { stepTicks: 3600, paceMs: 40, padding: 0 });
  const before = await kernel.until('cam', ({ counters, recording }) => counters.published > 0 && recording.state === 'recording', 'records');
  await send(1000, { stepTicks: 3600, paceMs: 4, padding: 0 });
  await send(20, { stepTicks: 3600, paceMs: 200, padding: 10e6 });
  await send(4000, { stepTicks: 45, paceMs: 0.5, padding: 0 });
  const after = await kernel.until('cam', ({ counters }) => counters.packets === sent, `has taken ${sent} pictures`);
  assert.equal(after.pid, before.pid);
  assert.deepEqual([after.recording.drops, after.packets_lost, after.counters.reconnects, after.state], [{}, 0, 0, 'streaming']);
  const peakMb = Number(/^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${after.pid}/status`, 'utf8'))![1]) / 1024;
  assert.ok(peakMb < MAX_MEMORY_MB, `${peakMb} MB`);
  assert.ok(Object.keys(after.drops).every((cause) => cause === 'decoder_behind'), JSON.stringify(after.drops));
});
