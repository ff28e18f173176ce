// What the motion gate costs a look at 1080p, and what it misses: the built-in detector looks at every frame of the sample clips at 5 fps, and the
// gate, without its warm-up, is asked about the same frames. Missed is a track that none of the looks it lets pass has seen.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { loadModel, serveModel, type ModelContainer } from '@ruth/container';
import { CameraTracks, LumaGrid, MotionGate } from '@ruth/core';
import { DEFAULT_RING_DIRECTORY, InferResponse, validator, type InferRequest } from '@ruth/protocol';
import { IpcClient, RingReader, RingWriter, type RingFrame } from '@ruth/transport';
import { Decoder, Demuxer, FilterAPI } from 'node-av/api';
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log, type Frame } from 'node-av/lib';
import { hdClip } from './hd-clip.ts';
import type { Bench } from './runner.ts';

const FPS = 5;
const MODEL = 'centernet-coco';
const CLIPS = join(import.meta.dirname, '../../shared/data/video');
/** Seen by fewer looks, a track is as likely a mistake of the detector. */
const LEAST_LOOKS = 3;
const LOOKS = 2000;
const response = validator(InferResponse);

interface Judged { readonly looks: number; readonly passed: number; readonly occupied: number; readonly occupiedPassed: number; readonly tracks: number; readonly missed: number; readonly latestS: number }

export const bench: Bench = async (report) => {
  Log.setLevel(AV_LOG_ERROR);
  const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-motion-'));
  const sockets = mkdtempSync(join(tmpdir(), 'ruth-motion-'));
  try {
    const cost = await costOf((await hdClip()).path, rings);
    report(`1080p: ${cost.readMs.toFixed(3)} ms to read the grid, ${cost.judgeMs.toFixed(3)} ms to judge it`);
    const clips: Record<string, Judged> = {};
    if (existsSync(CLIPS)) {
      await using container = await serveModel(await loadModel(join(import.meta.dirname, '../models', MODEL)), { ringDirectory: rings, socketDirectory: sockets });
      for (const file of ['vtest_h264.mp4', 'car-detection.mp4', 'store-aisle.mp4']) {
        clips[basename(file, '.mp4')] = await judged(join(CLIPS, file), rings, container);
        report(`${file}: ${JSON.stringify(clips[basename(file, '.mp4')])}`);
      }
    }
    const sum = (key: keyof Judged): number => Object.values(clips).reduce((total, clip) => total + clip[key], 0);
    return {
      cpu_ms_per_look_1080p: round(cost.readMs + cost.judgeMs), read_ms: round(cost.readMs), judge_ms: round(cost.judgeMs),
      looks: sum('looks'), looks_let_pass: sum('passed'), looks_with_objects: sum('occupied'), of_them_let_pass: sum('occupiedPassed'), tracks: sum('tracks'), tracks_missed: sum('missed'),
      latest_first_look_s: round(Math.max(0, ...Object.values(clips).map(({ latestS }) => latestS))), clips: Object.keys(clips).length === 0 ? 'the sample clips are not there' : clips,
    };
  } finally {
    for (const folder of [rings, sockets]) rmSync(folder, { recursive: true, force: true });
  }
};

/** Milliseconds of CPU for each of many looks at different frames of a clip. */
async function costOf(path: string, ringDirectory: string): Promise<{ readMs: number; judgeMs: number }> {
  using ring = Played.open(path, ringDirectory, 'cost', 16);
  const frames: RingFrame[] = [];
  for await (const frame of ring.frames('format=nv12')) if (frames.push(frame) === 16) break;
  const { width, height } = frames[0]!;
  const grid = new LumaGrid(width, height);
  const gate = new MotionGate({});
  const look = (index: number): void => {
    const frame = frames[index % frames.length]!;
    grid.read(frame.planes[0]!, frame.strides[0]!);
    if (!frame.intact()) throw new Error('a frame was overwritten');
  };
  for (let index = 0; index < 200; index++) {
    look(index);
    gate.judge(grid, index / FPS);
  }
  const cpu = (work: (index: number) => void): number => {
    const before = process.cpuUsage();
    for (let index = 0; index < LOOKS; index++) work(index);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / LOOKS;
  };
  const readMs = cpu(look);
  const both = cpu((index) => {
    look(index);
    gate.judge(grid, (200 + index) / FPS);
  });
  return { readMs, judgeMs: both - readMs };
}

async function judged(path: string, ringDirectory: string, container: ModelContainer): Promise<Judged> {
  using ring = Played.open(path, ringDirectory, 'clip', 4);
  await using client = new IpcClient(container.socketPath, { maxConnections: 1 });
  const gate = new MotionGate({ warm_up_s: 0 });
  const tracks = new CameraTracks();
  const seen = new Map<number, { looks: number; firstS: number; gatedS: number | null }>();
  let [looks, passed, occupied, occupiedPassed] = [0, 0, 0, 0];
  let grid: LumaGrid | null = null;
  for await (const frame of ring.frames(`fps=${FPS},format=nv12`)) {
    const { frameId, width, height } = frame;
    grid ??= new LumaGrid(width, height);
    grid.read(frame.planes[0]!, frame.strides[0]!);
    const nowS = looks++ / FPS;
    const passes = gate.judge(grid, nowS) !== 'still';
    const request: InferRequest = { frame_reference: ring.path, frame_metadata: { frame_id: frameId, width, height, format: 'NV12' }, camera_id: 'clip', model_id: MODEL };
    const answer = response.parse(await client.request(request, { timeoutMs: 60_000 }));
    if (answer.error !== null) throw new Error(answer.error);
    if (passes) gate.saw(answer.detections.length > 0);
    const { look } = tracks.follow({
      camera_id: 'clip', model_id: MODEL, frame_id: frameId, captured_at: nowS, pts_us: nowS * 1e6, epoch: 0, width, height, detections: answer.detections, metadata: {}, error: null, error_code: null,
    }, nowS);
    for (const { track_id: id } of look.detections) {
      if (id == null) continue;
      const track = seen.get(id) ?? { looks: 0, firstS: nowS, gatedS: null };
      seen.set(id, { looks: track.looks + 1, firstS: track.firstS, gatedS: track.gatedS ?? (passes ? nowS : null) });
    }
    passed += passes ? 1 : 0;
    occupied += answer.detections.length > 0 ? 1 : 0;
    occupiedPassed += passes && answer.detections.length > 0 ? 1 : 0;
  }
  const real = [...seen.values()].filter((track) => track.looks >= LEAST_LOOKS);
  const found = real.filter(({ gatedS }) => gatedS !== null);
  return { looks, passed, occupied, occupiedPassed, tracks: real.length, missed: real.length - found.length, latestS: Math.max(0, ...found.map(({ firstS, gatedS }) => gatedS! - firstS)) };
}

/** A clip whose frames are put into a ring one after another. */
class Played implements Disposable {
  readonly #path: string;
  readonly #options: { readonly ringDirectory: string; readonly cameraId: string; readonly slotCount: number };
  #writer: RingWriter | null = null;
  #reader: RingReader | null = null;

  private constructor(path: string, ringDirectory: string, cameraId: string, slotCount: number) {
    this.#path = path;
    this.#options = { ringDirectory, cameraId, slotCount };
  }

  static open(path: string, ringDirectory: string, cameraId: string, slotCount: number): Played {
    return new Played(path, ringDirectory, cameraId, slotCount);
  }

  get path(): string { return this.#writer!.path; }

  async* frames(filters: string): AsyncGenerator<RingFrame> {
    await using demuxer = await Demuxer.open(this.#path);
    const stream = demuxer.video()!;
    using decoder = await Decoder.create(stream);
    using filter = FilterAPI.create(filters);
    for await (using picture of filter.frames(decoder.frames(demuxer.packets(stream.index)))) if (picture) yield this.#publish(picture);
  }

  [Symbol.dispose](): void {
    this.#reader?.close();
    this.#writer?.close();
  }

  #publish({ width, height, data, linesize }: Frame): RingFrame {
    const writer = this.#writer ??= RingWriter.create({ ...this.#options, width, height, format: 'NV12' });
    const reader = this.#reader ??= RingReader.open(writer.path, { ringDirectory: this.#options.ringDirectory });
    const { planes, strides } = writer.begin();
    for (const [index, plane] of planes.entries()) {
      const rows = index === 0 ? height : Math.ceil(height / 2);
      for (let row = 0; row < rows; row++) plane.set(data![index]!.subarray(row * linesize[index]!, row * linesize[index]! + Math.min(width, strides[index]!)), row * strides[index]!);
    }
    const read = reader.read(writer.publish({ ptsUs: 0, capturedAtUs: 0, colourMatrix: 1, colourRange: 1, epoch: 0 }));
    if (read.status !== 'frame') throw new Error(`the frame is ${read.status}`);
    return read.frame;
  }
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
