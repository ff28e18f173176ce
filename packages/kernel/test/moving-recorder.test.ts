// A camera passes from one node to another: two recorders, each with a connection of its own, and what is in the files of both together.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordingSeam } from '@ruth/protocol';
import type { TurnMessage } from '../src/ingest/messages.ts';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { MovingRecorder } from '../src/record/recorder/moving-recorder.ts';
import { Recorder } from '../src/record/recorder/recorder.ts';
import type { RecordingMessage, Segment } from '../src/record/segment.ts';
import { RecordingFolder } from './recording-child.ts';

const START_US = 1_700_000_000_000_000;
const FPS = 25;
/** Of a 320x240 picture of x264. */
const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: null };
const WANTED = { turn: 0, seam: null };

interface NodeOptions {
  /** From a picture to its arrival, and by how much the node's clock is ahead. */
  readonly lateMs?: number;
  readonly clockMs?: number;
  readonly leaveLimitMs?: number;
  /** The camera encodes for each connection by itself. */
  readonly encodedApart?: boolean;
  /** What is seen comes again after so many pictures. */
  readonly loop?: number;
}

/** One node's connection and recorder. Pictures are numbered from the camera's first one, a keyframe each second. */
class RecordingNode implements AsyncDisposable {
  readonly moving: MovingRecorder;
  readonly told: TurnMessage[] = [];
  readonly #recorder: Recorder;
  readonly #folder: RecordingFolder;
  readonly #options: NodeOptions;
  readonly #closed: Segment[] = [];
  #nowMs = 0;
  #next = 0;
  #turn = 0;

  private constructor(folder: RecordingFolder, options: NodeOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#recorder = new Recorder({
      cameraId: 'door', directory: folder.directory, segmentS: 60, notBeforeUs: 0, now: () => this.#nowMs, uptimeS: () => this.#nowMs / 1000,
      send: async (message: RecordingMessage) => { if (message.type === 'segment-closed') this.#closed.push(message.segment); },
    });
    this.moving = new MovingRecorder({ recorder: this.#recorder, nowMs: () => this.#nowMs, send: (message) => this.told.push(message), ...(options.leaveLimitMs === undefined ? {} : { leaveLimitMs: options.leaveLimitMs }) });
  }

  static async start(step: 'record' | 'hold' | 'leave', options: NodeOptions = {}): Promise<RecordingNode> {
    const node = new RecordingNode(await RecordingFolder.make(), options);
    node.moving.set({ ...WANTED, step }, true);
    node.moving.begin(FORMAT);
    return node;
  }

  set(step: 'record' | 'hold' | 'leave', seam: RecordingSeam | null = null): void { this.moving.set({ step, turn: ++this.#turn, seam }, true); }

  /** All pictures that arrived by then, ms since the camera's first one. */
  until(ms: number): void {
    const { lateMs = 20, clockMs = 0, encodedApart = false, loop = Infinity } = this.#options;
    for (; this.#next * 40 + lateMs <= ms; this.#next++) {
      this.#nowMs = this.#next * 40 + lateMs;
      const number = this.#next;
      const keyframe = number % FPS === 0;
      const seen = Buffer.from(`${number % loop}.`.repeat(4) + (encodedApart ? `${lateMs}` : ''));
      // What is in neither slice nor seen by the other node: a message with the number.
      const message = Buffer.concat([Buffer.from([0, 0, 0, 1, 0x06]), Buffer.from(`<P${number}>`)]);
      const slice = Buffer.concat([Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41]), seen]);
      this.moving.accept(new MediaPacket(Buffer.concat([...(keyframe ? [PARAMETER_SETS] : []), message, slice]), number * 3600 + lateMs * 1000, keyframe, START_US + number * 40_000 + (lateMs + clockMs) * 1000, 1));
    }
    this.#nowMs = ms;
  }

  skipTo(number: number): void { this.#next = number; }

  get left(): RecordingSeam | null | undefined { return this.told.flatMap((message) => (message.type === 'left' ? [message.seam] : [])).at(-1); }
  get held(): boolean { return this.told.findLast((message) => message.type === 'held')?.held ?? false; }

  async end(): Promise<{ pictures: number[]; spans: { startUs: number; endUs: number }[] }> {
    await this.#recorder[Symbol.asyncDispose]();
    const pictures: number[] = [];
    for (const { file } of this.#closed) for (const [, number] of (await readFile(`${this.#folder.directory}/${file}`, 'latin1')).matchAll(/<P(\d+)>/g)) pictures.push(Number(number));
    return { pictures, spans: this.#closed.map(({ startUs, endUs }) => ({ startUs, endUs })) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

const numbers = (from: number, until: number): number[] => Array.from({ length: until - from }, (_, index) => from + index);

/** `one` records from the start; it is told to leave at 4.3 s, and the next one hears of it so much later. */
async function move(options: { one?: NodeOptions; next?: NodeOptions; hearsAfterMs?: number }): Promise<{ all: number[]; first: number[]; second: number[]; seamUs: number; endUs: number; startUs: number; seam: RecordingSeam }> {
  await using one = await RecordingNode.start('record', options.one);
  await using next = await RecordingNode.start('hold', options.next);
  next.skipTo(30);
  const hearsMs = 5000 + (options.hearsAfterMs ?? 600);
  one.until(4300);
  next.until(4300);
  assert.ok(next.held && one.left === undefined);
  one.set('leave');
  one.until(hearsMs);
  next.until(hearsMs);
  const seam = one.left!;
  next.set('record', seam);
  for (const node of [one, next]) node.until(16_000);
  const [a, b] = [await one.end(), await next.end()];
  assert.equal(one.told.filter(({ type }) => type === 'left').length, 1);
  return { all: [...a.pictures, ...b.pictures], first: a.pictures, second: b.pictures, seamUs: seam.at * 1e6, endUs: a.spans.at(-1)!.endUs, startUs: b.spans[0]!.startUs, seam };
}

test('a camera passes from one node to another between two pictures: none is missing, none is in both, and neither are their dates', async () => {
  const { all, first, endUs, startUs, seamUs } = await move({ next: { lateMs: 55 } });
  assert.deepEqual(all, numbers(0, all.length));
  assert.equal(first.length, 125);
  assert.ok(all.length > 390);
  assert.deepEqual([endUs, startUs], [Math.round(seamUs), Math.round(seamUs)]);
});

test('clocks that differ, and a picture that comes to the next node after it heard of it, change nothing of that', async () => {
  for (const next of [{ clockMs: 1500 }, { clockMs: -1500 }, { lateMs: 1900 }, { lateMs: 700, clockMs: 200 }]) {
    const { all, endUs, startUs } = await move({ next, hearsAfterMs: 300 });
    assert.deepEqual(all, numbers(0, all.length), JSON.stringify(next));
    assert.ok(startUs >= endUs, 'no date is in both');
  }
  // A clock that is off by more is known by the bytes, which are those of one picture alone.
  const { all } = await move({ next: { clockMs: 60_000 } });
  assert.deepEqual(all, numbers(0, all.length));
});

test('where pictures look alike, it is the one of that time', async () => {
  const { all } = await move({ next: { lateMs: 55, clockMs: 300, loop: 50 }, one: { loop: 50 } });
  assert.deepEqual(all, numbers(0, all.length));
});

test('a camera that encodes for each connection by itself: a gap of some seconds, and nothing twice', async () => {
  const { first, second } = await move({ next: { encodedApart: true } });
  assert.deepEqual(first, numbers(0, 125));
  assert.ok(second[0]! > 140 && second[0]! <= 250, `begins with ${second[0]}`);
  assert.deepEqual(second, numbers(second[0]!, 400));
});

test('a node that records nothing has left at once; one that began anew begins no more; a camera that falls silent is let go all the same', async () => {
  await using anew = await RecordingNode.start('leave');
  anew.until(3000);
  assert.equal(anew.left, null);
  assert.deepEqual((await anew.end()).pictures, []);
  await using before = await RecordingNode.start('record');
  before.set('leave');
  assert.equal(before.left, null);
  await using silent = await RecordingNode.start('record', { leaveLimitMs: 20 });
  silent.until(2300);
  silent.set('leave');
  while (silent.left === undefined) await delay(10);
  assert.equal(silent.left, null);
  silent.until(5000);
  assert.deepEqual((await silent.end()).pictures, numbers(0, 58));
  await using gone = await RecordingNode.start('record');
  gone.until(2300);
  gone.set('leave');
  gone.moving.interrupt();
  assert.equal(gone.left, null);
});

test('a move that is called off costs nothing before the keyframe, and what was held is let go', async () => {
  await using one = await RecordingNode.start('record');
  one.until(2300);
  one.set('leave');
  one.until(2500);
  one.set('record');
  one.until(6000);
  assert.deepEqual((await one.end()).pictures, numbers(0, 150));
  await using next = await RecordingNode.start('hold');
  next.until(2300);
  next.set('record');
  next.until(5000);
  assert.deepEqual((await next.end()).pictures, numbers(75, 125), 'without a seam it begins with what comes');
});

test('what is held is bounded: the oldest goes, from keyframe to keyframe, and a connection that ends takes all with it', async () => {
  await using next = await RecordingNode.start('hold');
  next.until(60_000);
  assert.deepEqual(next.told, [{ type: 'held', turn: 0, held: true }]);
  next.moving.interrupt();
  assert.equal(next.held, false);
  next.until(70_000);
  assert.equal(next.held, true);
  await using long = await RecordingNode.start('hold');
  long.until(60_000);
  await using one = await RecordingNode.start('record');
  one.skipTo(900);
  one.until(40_300);
  one.set('leave');
  one.until(60_000);
  // 19 s later it is there still.
  long.set('record', one.left);
  long.until(61_000);
  assert.equal((await long.end()).pictures[0], 1025);
});
