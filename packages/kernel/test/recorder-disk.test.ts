import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { readRecordedFile } from '../src/mp4/index.ts';
import type { RecordingMessage, Segment } from '../src/record/segment.ts';
import { Recorder } from '../src/record/recorder/recorder.ts';
import { SegmentFile } from '../src/record/recorder/segment-file.ts';
import { RecordingFolder } from './recording-child.ts';
import { until } from './test-kernel.ts';

const START_US = 1_790_000_000_000_000;
const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: null };

/** A disk of its own that can be filled; null where this process may not mount one. */
async function smallDisk(bytes: number): Promise<(AsyncDisposable & { readonly directory: string }) | null> {
  const directory = await mkdtemp(`${tmpdir()}/ruth-disk-`);
  const gone = async (): Promise<void> => {
    spawnSync('umount', [directory]);
    await rm(directory, { recursive: true, force: true });
  };
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory]).status !== 0) {
    await gone();
    return null;
  }
  return { directory, [Symbol.asyncDispose]: gone };
}

/** A camera of 25 pictures a second, 40 kB each, and a keyframe a second; its time is the test's. */
class Feed {
  readonly recorder: Recorder;
  readonly messages: RecordingMessage[] = [];
  nowMs = 0;
  #picture = 0;
  readonly #bytes: number;

  constructor(directory: string, { pictureBytes = 40_000, createFile }: { pictureBytes?: number; createFile?: (...given: Parameters<typeof SegmentFile.create>) => Promise<SegmentFile> } = {}) {
    this.#bytes = pictureBytes;
    this.recorder = new Recorder({
      cameraId: 'door', directory, segmentS: 2, notBeforeUs: 0, now: () => this.nowMs, ...(createFile && { createFile }),
      send: async (message) => { this.messages.push(message); },
    });
    this.recorder.setWanted(true);
    this.recorder.begin(FORMAT);
  }

  get closed(): Segment[] { return this.messages.flatMap((message) => message.type === 'segment-closed' ? [message.segment] : []); }
  get opened(): Segment[] { return this.messages.flatMap((message) => message.type === 'segment-opened' ? [message.segment] : []); }
  get paused(): { cause: string; atUs: number }[] { return this.messages.filter((message) => message.type === 'recording-paused'); }

  give(pictures: number): void {
    for (let given = 0; given < pictures; given++, this.#picture++, this.nowMs += 40) {
      const keyframe = this.#picture % 25 === 0;
      const slice = Buffer.alloc(this.#bytes, this.#picture % 199 + 1);
      const data = Buffer.concat([...(keyframe ? [PARAMETER_SETS] : []), Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41]), slice]);
      this.recorder.accept(new MediaPacket(data, this.#picture * 3600, keyframe, START_US + this.#picture * 40_000, 1));
    }
  }

  /** Gives a second of pictures after the other, each when the disk has had time for the one before. */
  async giveUntil(look: () => boolean, what: string): Promise<void> {
    await until(() => {
      if (!look()) this.give(5);
      return look();
    }, Boolean, what);
  }
}

test('a full disk pauses a recording with all that was whole, and when there is room it goes on by itself', async (context) => {
  await using disk = await smallDisk(4 << 20);
  if (disk === null) return context.skip('needs to mount a small disk: run as root');
  const feed = new Feed(disk.directory);
  await feed.giveUntil(() => feed.recorder.status.state === 'paused', 'is full');
  await until(() => feed.closed.length, (count) => count > 0, 'what is whole is closed');
  assert.deepEqual(feed.paused.map(({ cause }) => cause), ['disk_full']);
  assert.equal(feed.paused[0]!.atUs, feed.closed.at(-1)!.endUs);
  for (const { file, bytes, fragments } of feed.closed) {
    const found = await readRecordedFile(`${disk.directory}/${file}`);
    assert.deepEqual([found.bytes, found.wholeBytes, found.fragments.length], [bytes, bytes, fragments.length]);
  }
  const before = feed.recorder.status;
  feed.give(200);
  assert.ok(feed.recorder.status.drops['disk_full']! > before.drops['disk_full']!);
  await rm(`${disk.directory}/${feed.closed[0]!.file}`);
  const files = feed.opened.length;
  await feed.giveUntil(() => feed.opened.length > files, 'records again');
  const opened = feed.opened.at(-1)!;
  assert.ok(!opened.continues && opened.startUs > feed.paused[0]!.atUs);
  await feed.recorder[Symbol.asyncDispose]();
});

test('a folder that cannot be written to pauses a recording, which begins when it can', async () => {
  await using folder = await RecordingFolder.make();
  const directory = `${folder.directory}/not-mounted`;
  const feed = new Feed(directory);
  await feed.giveUntil(() => feed.recorder.status.cause === 'disk_error', 'does not write');
  assert.deepEqual(feed.messages.map(({ type }) => type), ['recording-paused']);
  await mkdir(directory);
  await feed.giveUntil(() => feed.recorder.status.state === 'recording', 'records');
  await feed.recorder[Symbol.asyncDispose]();
  assert.ok((await folder.files()).length > 0);
});

test('a file that stands in the way of a folder is no reason to write elsewhere', async () => {
  await using folder = await RecordingFolder.make();
  await writeFile(`${folder.directory}/door`, 'not a folder');
  const feed = new Feed(folder.directory);
  await feed.giveUntil(() => feed.recorder.status.cause === 'disk_error', 'does not write');
  await feed.recorder[Symbol.asyncDispose]();
  assert.deepEqual(await folder.files(), [`${folder.directory}/door`]);
});

test('a disk that hangs takes neither time nor memory without bound, and when it answers all that was kept is written', async () => {
  await using folder = await RecordingFolder.make();
  const answer = Promise.withResolvers<void>();
  let hangs = false;
  const feed = new Feed(folder.directory, {
    pictureBytes: 200_000,
    createFile: async (...given) => {
      if (hangs) await answer.promise;
      return SegmentFile.create(...given);
    },
  });
  feed.give(80);
  await until(() => feed.closed.length, (count) => count >= 1, 'a file');
  hangs = true;
  // More than a minute, 5 MB each second.
  const givenBefore = process.memoryUsage().arrayBuffers;
  feed.give(2000);
  assert.ok(process.memoryUsage().arrayBuffers - givenBefore < 200 << 20);
  assert.deepEqual(feed.paused.map(({ cause }) => cause), ['disk_slow']);
  assert.equal(feed.recorder.status.state, 'paused');
  const dropped = feed.recorder.status.drops['disk_slow']!;
  assert.ok(dropped > 1000);
  hangs = false;
  answer.resolve();
  await feed.giveUntil(() => feed.recorder.status.state === 'recording', 'records again');
  await feed.recorder[Symbol.asyncDispose]();
  let untilUs = 0;
  for (const { startUs, endUs, file, bytes } of feed.closed) {
    assert.ok(startUs >= untilUs);
    untilUs = endUs;
    assert.equal((await readRecordedFile(`${folder.directory}/${file}`)).wholeBytes, bytes);
  }
});

test('a disk that hangs does not keep a process from ending', async () => {
  await using folder = await RecordingFolder.make();
  const feed = new Feed(folder.directory, { createFile: () => new Promise(() => undefined) });
  feed.give(100);
  await feed.recorder[Symbol.asyncDispose]();
  assert.equal(feed.recorder.status.segments, 0);
});
