// Pictures of the past: the one that was shown at the instant, in its right colours, whatever happens to the process that makes it.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { before, after, test } from 'node:test';
import { promisify } from 'node:util';
import { createLogger } from '@ruth/transport';
import { Snapshots } from '../src/record/playback/snapshots.ts';
import { Clips, noCamera } from './real-camera.ts';
import { RecordedFolder } from './recorded-folder.ts';

const START_US = 1_795_344_000e6;
const logger = createLogger('test', 'silent');
const options = { skip: noCamera, timeout: 120_000 };
const still = new AbortController().signal;
let clips: Clips;

before(async () => { if (!noCamera) clips = await Clips.open(); });
after(async () => clips?.[Symbol.asyncDispose]());

/** How like the JPEG is to picture `index` of the clip, dB; a foreign tool decodes both. */
async function likeness(folder: RecordedFolder, jpeg: Buffer, clip: string, index: number): Promise<number> {
  const path = `${folder.directory}/picture.jpg`;
  await writeFile(path, jpeg);
  const compared = `[0:v]select=eq(n\\,${index}),setpts=0[recorded];[1:v]scale=in_range=pc:out_range=tv,format=yuv420p,setpts=0[picture];[recorded][picture]psnr=stats_file=-`;
  const { stdout } = await promisify(execFile)('ffmpeg', ['-v', 'error', '-i', clip, '-i', path, '-lavfi', compared, '-f', 'null', '-']);
  return Number(/psnr_avg:([\d.]+|inf)/.exec(stdout)![1]!.replace('inf', '100'));
}

for (const [name, make] of Object.entries({
  'H.264': () => clips.make('plain.mp4', { seconds: 6, source: 'testsrc2=' }),
  'H.264 with reordered pictures': () => clips.make('reordered.mp4', { seconds: 6, extra: ['-bf', '3', '-preset', 'medium'] }),
  'H.265': () => clips.make('h265.mp4', { codec: 'libx265', seconds: 6, extra: ['-tag:v', 'hvc1'] }),
})) {
  test(`a picture of ${name} is the one that was shown at that instant, and no other`, options, async () => {
    await using folder = await RecordedFolder.make();
    const clip = await make();
    await folder.record('front', clip, { startUs: START_US, segmentS: 2 });
    await using snapshots = new Snapshots(logger);
    // The first of all, the first and the last of a file, one in the middle; at its beginning, and shortly before the next one.
    for (const [index, laterMs] of [[0, 0], [49, 39], [50, 0], [60, 20], [149, 0]] as const) {
      const jpeg = await snapshots.past(folder, 'front', START_US + index * 40_000 + laterMs * 1000, null, still);
      const like = await Promise.all([index - 1, index, index + 1].map((other) => other < 0 || other > 149 ? Promise.resolve(0) : likeness(folder, jpeg, clip, other)));
      assert.ok(like[1]! > 38 && like[1]! > like[0]! + 3 && like[1]! > like[2]! + 3, `picture ${index}: ${like.join(' ')} dB`);
    }
    assert.deepEqual(folder.held, []);
  });
}

test('a picture is as wide as asked for, but never wider than the camera\'s', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('wide.mp4', { seconds: 2 }), { startUs: START_US });
  await using snapshots = new Snapshots(logger);
  for (const [asked, width, height] of [[160, 160, 120], [4000, 320, 240]] as const) {
    const path = `${folder.directory}/sized.jpg`;
    await writeFile(path, await snapshots.past(folder, 'front', START_US + 1e6, asked, still));
    assert.equal(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=width,height,color_range', '-of', 'csv=p=0', path], { encoding: 'utf8' }).trim(), `${width},${height},pc`);
  }
});

test('a time that is not recorded is refused with the nearest that is, and the newest picture stands for what is not yet on the disk', options, async () => {
  await using folder = await RecordedFolder.make();
  const clip = await clips.make('near.mp4', { seconds: 2 });
  await folder.record('front', clip, { startUs: START_US });
  await folder.record('front', clip, { startUs: START_US + 10e6, open: true });
  await using snapshots = new Snapshots(logger);
  await assert.rejects(snapshots.past(folder, 'front', START_US + 5e6, null, still), { code: 'not_recorded', message: /up to 2026-11-22T10:40:02\.000Z and from 2026-11-22T10:40:10\.000Z on/ });
  assert.ok(await likeness(folder, await snapshots.past(folder, 'front', START_US + 12.9e6, null, still), clip, 49) > 38);
  await assert.rejects(snapshots.past(folder, 'front', START_US + 20e6, null, still), { code: 'not_recorded' });
});

test('bytes that are no video cost their own picture alone, and nobody waits for one whose asker is gone', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('good.mp4', { seconds: 2 }), { startUs: START_US });
  const [broken] = await folder.record('broken', await clips.make('broken.mp4', { seconds: 2 }), { startUs: START_US });
  await writeFile(folder.path(broken!), Buffer.alloc(broken!.bytes, 0x5a));
  await using snapshots = new Snapshots(logger);
  const gone = new AbortController();
  const answers = await Promise.allSettled([
    snapshots.past(folder, 'broken', START_US + 1e6, null, still),
    snapshots.past(folder, 'front', START_US + 1e6, null, gone.signal),
    snapshots.past(folder, 'front', START_US + 1e6, null, still),
    Promise.resolve(gone.abort()),
  ]);
  assert.deepEqual(answers.slice(0, 3).map((answer) => answer.status === 'fulfilled' ? 'a picture' : (answer.reason as { code: string }).code), ['stream_corrupt', 'cancelled', 'a picture']);
});

test('a process that is killed costs no more than the picture it was at', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('killed.mp4', { seconds: 2 }), { startUs: START_US });
  await using snapshots = new Snapshots(logger);
  const picture = (): Promise<Buffer> => snapshots.past(folder, 'front', START_US, 64, still);
  const first = await picture();
  const [makers, cut] = [children('picture-main'), picture()];
  assert.equal(makers.length, 1);
  process.kill(makers[0]!, 'SIGKILL');
  // It may have been done already, at it, or not yet asked for it.
  await cut.catch((error: { code: string }) => assert.ok(['stream_corrupt', 'internal'].includes(error.code), error.code));
  assert.ok((await picture()).equals(first));
});

/** Process ids of this process' own children that run a file of that name. */
function children(name: string): number[] {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(name);
    } catch {
      return false;
    }
  }).map(Number);
}

test('more pictures than can wait are refused, and the others are made', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('many.mp4', { seconds: 2 }), { startUs: START_US });
  await using snapshots = new Snapshots(logger);
  const answers = await Promise.allSettled(Array.from({ length: 40 }, () => snapshots.past(folder, 'front', START_US, 64, still)));
  const refused = answers.filter((answer) => answer.status === 'rejected');
  assert.ok(refused.length > 0 && refused.length < 10 && refused.every(({ reason }) => (reason as { code: string }).code === 'overloaded'), String(refused.length));
});
