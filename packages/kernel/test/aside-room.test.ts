// A disk that gets full while much of it lies aside: the oldest goes, whether it is in the index or aside, and that is said. On a small file system of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RecordingSettings } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { Archive } from '../src/record/archive/index.ts';
import { parseSegmentPath, segmentFiles } from '../src/record/archive/segment-path.ts';
import { Recorder } from '../src/record/recorder/recorder.ts';
import { UNCLAIMED } from '../src/record/segment.ts';
import { until } from './test-kernel.ts';

const START_US = 1_700_000_000_000_000;
const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: null };
const PICTURE_BYTES = 8000;
const DISK_BYTES = 12 << 20;

async function smallDisk(): Promise<(AsyncDisposable & { readonly directory: string }) | null> {
  const directory = await mkdtemp(`${tmpdir()}/ruth-aside-room-`);
  const gone = async (): Promise<void> => {
    spawnSync('umount', [directory]);
    await rm(directory, { recursive: true, force: true });
  };
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', directory]).status === 0) return { directory, [Symbol.asyncDispose]: gone };
  await gone();
  return null;
}

/** 0 to 8 s among the recordings, 8 to 28 s aside, 28 to 36 s among the recordings: files of two seconds, each 0.4 MB. */
async function record(directory: string): Promise<void> {
  let nowS = 0;
  const recorder = new Recorder({ cameraId: 'door', directory, segmentS: 2, notBeforeUs: 0, now: () => nowS * 1000, uptimeS: () => nowS, send: async () => undefined });
  recorder.setWanted(true);
  recorder.begin(FORMAT);
  for (let picture = 0; picture < 36 * 25; picture++) {
    nowS = picture / 25;
    const keyframe = picture % 25 === 0;
    recorder.setLeaseEnd(nowS < 28 ? 12 : 1000);
    recorder.accept(new MediaPacket(Buffer.concat([...(keyframe ? [PARAMETER_SETS] : []), Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41]), Buffer.alloc(PICTURE_BYTES, 1 + picture % 200)]), picture * 3600, keyframe, START_US + picture * 40_000, 1));
    // Two seconds are on their way; what came before is to be written, however long that takes.
    if (picture % 25 === 24) await until(() => recorder.status.bytes_written, (bytes) => bytes >= (picture - 49) * PICTURE_BYTES, 'the disk keeps up');
  }
  await recorder[Symbol.asyncDispose]();
  for (const root of [directory, join(directory, UNCLAIMED)]) for (const file of segmentFiles(root, 'door')) await utimes(join(root, file), new Date(), new Date(parseSegmentPath(file)!.startMs + 2000));
}

const secondsOf = (directory: string): number[] => [...segmentFiles(directory, 'door')].map((file) => Math.round(parseSegmentPath(file)!.startMs / 1000 - START_US / 1e6));

test('where the disk needs room, the oldest goes, whichever it is, and it is said what of it lay aside', async (context) => {
  await using disk = await smallDisk();
  if (disk === null) return context.skip('needs to mount a small disk: run as root');
  const { directory } = disk;
  await record(directory);
  const before = [secondsOf(directory), secondsOf(join(directory, UNCLAIMED))];
  assert.ok(before[0]!.some((second) => second < 8) && before[0]!.some((second) => second >= 28) && before[1]!.length >= 8, JSON.stringify(before));
  const lines: { msg: string; level: number; causes?: string[]; files?: number }[] = [];
  const settings: RecordingSettings = { directory, segmentS: 2, minFreeBytes: DISK_BYTES - 4e6, maxAgeDays: null, maxBytes: null };
  await using archive = await Archive.open({ settings, logger: createLogger('kernel', 'warn', { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) }), onEvent: () => undefined });
  await archive.sweep();
  const [recorded, aside] = [secondsOf(directory), secondsOf(join(directory, UNCLAIMED))];
  assert.deepEqual(recorded, before[0]!.filter((second) => second >= 28), 'of the recordings only what was older than the oldest that is aside is gone');
  assert.deepEqual(aside, before[1]!.slice(-aside.length), 'the newest that is aside is there');
  const gone = before[1]!.length - aside.length;
  assert.ok(gone > 0 && aside.length > 0, `${gone} gone, ${aside.length} left`);
  const { free_bytes: free, unclaimed, unclaimed_deleted: deleted } = await archive.storage();
  assert.ok(free! >= settings.minFreeBytes, 'there is room');
  assert.deepEqual([unclaimed?.files, deleted?.room, deleted?.size, deleted?.age], [aside.length, gone, 0, 0]);
  const [line] = lines.filter(({ msg }) => /nobody has decided about, is deleted/.test(msg));
  assert.deepEqual([line?.files, line?.causes, line?.level], [gone, ['room'], 40]);
});
