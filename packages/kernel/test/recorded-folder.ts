// Recordings for tests of playback, made of clips picture by picture as a recorder would, at instants that the test chooses.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Demuxer } from 'node-av/api';
import { RuthError, type KeptFile, type StorageStatus, type Timeline } from '@ruth/protocol';
import { AV_CODEC_ID_HEVC } from 'node-av/constants';
import { parseExtradata, splitSample } from '../src/media/nal-units.ts';
import { describeInit, fragment, initSegment, type AudioSample, type VideoSample } from '../src/mp4/index.ts';
import type { ArchiveView, GrownSegment } from '../src/record/archive/index.ts';
import type { FragmentEntry, Segment } from '../src/record/segment.ts';

const START_CODE = Buffer.from([0, 0, 0, 1]);
const TICKS_PER_SECOND = 90_000;

interface Picture extends VideoSample { readonly dts: number }
interface Sound extends AudioSample { readonly dts: number }
interface ReadClip { readonly init: Buffer; readonly pictures: readonly Picture[]; readonly sounds: readonly Sound[] }

export interface RecordOptions {
  readonly startUs: number;
  /** Each file begins at the first keyframe after so long; the whole clip in one file unless told. */
  readonly segmentS?: number;
  /** The last file is left open. */
  readonly open?: boolean;
}

/** An archive of files that a test wrote; knows holders, and gaps where nothing lies. */
export class RecordedFolder implements ArchiveView, AsyncDisposable {
  readonly directory: string;
  readonly recordings: Segment[] = [];
  readonly held: string[] = [];
  readonly #listeners = new Set<(grown: GrownSegment) => void>();

  private constructor(directory: string) { this.directory = directory; }

  static async make(): Promise<RecordedFolder> { return new RecordedFolder(await mkdtemp(`${tmpdir()}/ruth-recorded-`)); }

  /** Records an MP4 (H.264 or H.265, AAC) from its beginning to its end, as `cameraId` saw it. */
  async record(cameraId: string, clip: string, { startUs, segmentS = Infinity, open = false }: RecordOptions): Promise<readonly Segment[]> {
    const { init, pictures, sounds } = await readClip(clip);
    const made: Segment[] = [];
    for (let first = 0; first < pictures.length;) {
      const beginTicks = pictures[first]!.dts;
      const next = pictures.findIndex(({ keyframe, dts }, index) => index > first && keyframe && dts - beginTicks >= segmentS * TICKS_PER_SECOND);
      const end = next < 0 ? pictures.length : next;
      const endTicks = next < 0 ? Infinity : pictures[next]!.dts;
      const heard = sounds.filter(({ dts }) => dts >= (first === 0 ? -Infinity : beginTicks) && dts < endTicks);
      const segment = await this.#write(cameraId, init, pictures.slice(first, end), heard, Math.round(startUs + beginTicks / 0.09), first > 0, open && next < 0);
      made.push(segment);
      first = end;
    }
    this.recordings.push(...made);
    return made;
  }

  async segments(cameraId: string, startUs: number, endUs: number): Promise<Segment[]> {
    return this.recordings.filter((segment) => segment.cameraId === cameraId && segment.startUs < endUs && segment.endUs > startUs);
  }

  async segment(file: string): Promise<Segment | null> { return this.recordings.find((segment) => segment.file === file) ?? null; }

  async timeline(cameraId: string, startUs: number, endUs: number): Promise<Timeline> {
    const all = this.recordings.filter((segment) => segment.cameraId === cameraId);
    if (all.length === 0) throw new RuthError('camera_not_found', 'no such camera');
    const spans: Timeline['spans'] = [];
    const gaps: Timeline['gaps'] = [];
    for (const { startUs: begin, endUs: end, bytes, continues } of all.filter((segment) => segment.startUs < endUs && segment.endUs > startUs)) {
      const last = spans.at(-1);
      if (last && continues) spans[spans.length - 1] = { ...last, end: end / 1e6 };
      else {
        if (last) gaps.push({ start: last.end, end: begin / 1e6, cause: 'camera_down', message: null });
        spans.push({ start: begin / 1e6, end: end / 1e6, kept: false, bytes });
      }
    }
    return { camera_id: cameraId, start: startUs / 1e6, end: endUs / 1e6, spans, gaps, oldest: all[0]!.startUs / 1e6, newest: all.at(-1)!.endUs / 1e6 };
  }

  async recordedAt(cameraId: string, instantsUs: readonly number[]): Promise<boolean[]> {
    return instantsUs.map((atUs) => this.recordings.some((segment) => segment.cameraId === cameraId && segment.startUs <= atUs && atUs < segment.endUs));
  }

  hold(files: readonly string[]): Disposable {
    this.held.push(...files);
    return { [Symbol.dispose]: () => { for (const file of files) this.held.splice(this.held.indexOf(file), 1); } };
  }

  async kept(): Promise<KeptFile[]> { return []; }
  async keep(): Promise<void> { /* nothing is ever deleted */ }
  async storage(): Promise<StorageStatus> {
    return { directory: this.directory, bytes: 0, segments: this.recordings.length, free_bytes: null, total_bytes: null, state: 'ok', message: null, repaired: null };
  }
  path({ file }: Pick<Segment, 'file'>): string { return join(this.directory, file); }
  onGrew(listener: (grown: GrownSegment) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> { await rm(this.directory, { recursive: true, force: true }); }

  async #write(cameraId: string, init: Buffer, pictures: readonly Picture[], sounds: readonly Sound[], startUs: number, continues: boolean, open: boolean): Promise<Segment> {
    const origin = pictures[0]!.dts;
    const chunks = [init];
    const fragments: FragmentEntry[] = [];
    let offset = init.length;
    for (let first = 0; first < pictures.length;) {
      const begin = pictures[first]!.dts;
      const next = pictures.findIndex(({ keyframe, dts }, index) => index > first && (keyframe || dts - begin >= 45_000));
      const end = next < 0 ? pictures.length : next;
      const endTicks = next < 0 ? Infinity : pictures[next]!.dts;
      const samples = pictures.slice(first, end);
      const heard = sounds.filter(({ dts }) => (first === 0 || dts >= begin) && dts < endTicks);
      const data = fragment({
        sequence: fragments.length + 1, video: { decodeTicks: begin - origin, samples },
        ...(heard.length > 0 ? { audio: { decodeTicks: Math.max(0, heard[0]!.dts - origin), samples: heard } } : {}),
        wallClock: { us: startUs + (begin - origin) / 0.09, mediaTicks: begin - origin + samples[0]!.compositionTicks },
      });
      fragments.push({ offset, bytes: data.length, startTicks: begin - origin, durationTicks: samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0), keyframe: samples[0]!.keyframe });
      chunks.push(data);
      offset += data.length;
      first = end;
    }
    const startMs = Math.floor(startUs / 1000);
    const iso = new Date(startMs).toISOString();
    const file = `${cameraId}/${iso.slice(0, 10)}/${iso.slice(11, 13)}/${startMs}.mp4`;
    const content = Buffer.concat(chunks);
    await mkdir(dirname(join(this.directory, file)), { recursive: true });
    await writeFile(join(this.directory, file), content);
    const last = fragments.at(-1)!;
    const durationTicks = last.startTicks + last.durationTicks;
    const { codec, width, height, audio } = describeInit(init)!;
    return {
      cameraId, file, startUs, endUs: Math.round(startUs + durationTicks / 0.09), durationTicks, codec, width, height, audio,
      initBytes: init.length, bytes: content.length, fragments, sha256: open ? null : createHash('sha256').update(content).digest('hex'), continues,
    };
  }
}

async function readClip(path: string): Promise<ReadClip> {
  await using demuxer = await Demuxer.open(path, { copyTs: true });
  const video = demuxer.video()!;
  const audio = demuxer.audio();
  const ticks = (time: bigint, { num, den }: { num: number; den: number }): number => Math.round(Number(time) * num * TICKS_PER_SECOND / den);
  const pictures: (Picture & { pts: number })[] = [];
  const sounds: Sound[] = [];
  for await (const packet of demuxer.packets()) {
    if (packet === null) break;
    using _ = packet;
    const data = Buffer.from(packet.data!);
    if (packet.streamIndex === video.index) {
      const dts = ticks(packet.dts, video.timeBase);
      const pts = ticks(packet.pts, video.timeBase);
      pictures.push({ nals: splitSample(data, 4), dts, pts, durationTicks: ticks(packet.duration, video.timeBase), compositionTicks: 0, keyframe: packet.isKeyframe });
    } else if (audio && packet.streamIndex === audio.index) sounds.push({ data, dts: ticks(packet.pts, audio.timeBase), durationTicks: ticks(packet.duration, audio.timeBase) });
  }
  const origin = pictures[0]!.dts;
  const codec = video.codecpar.codecId === AV_CODEC_ID_HEVC ? 'hevc' : 'h264';
  const parameterSets = Buffer.concat(parseExtradata(codec, video.codecpar.extradata!).parameterSets.flatMap((set) => [START_CODE, set]));
  const init = await initSegment({
    codec, parameterSets, width: video.codecpar.width, height: video.codecpar.height, reorderDepth: 0,
    audio: audio ? { codec: 'aac', config: audio.codecpar.extradata!, sampleRate: audio.codecpar.sampleRate, channels: audio.codecpar.channels } : null,
  });
  return {
    init, sounds: sounds.map((sound) => ({ ...sound, dts: sound.dts - origin })),
    pictures: pictures.map((picture, index) => ({
      ...picture, dts: picture.dts - origin, compositionTicks: picture.pts - picture.dts,
      durationTicks: (pictures[index + 1]?.dts ?? picture.dts + picture.durationTicks) - picture.dts,
    })),
  };
}
