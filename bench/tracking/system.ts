// A sequence through the whole system: its clip played by an RTSP camera, decoded by the kernel into a ring, looked at by a container five times a second,
// followed by core; what is judged are the tracks in the looks that core emits, from one playing of the clip from beginning to end.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { LumaGrid } from '@ruth/core';
import { coreSocketPath, DEFAULT_RING_DIRECTORY, ringPath, type CoreEvent, type Look, type SubscriptionStatus } from '@ruth/protocol';
import { RingReader } from '@ruth/transport';
import { Decoder, Demuxer } from 'node-av/api';
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { get, Processes } from '../processes.ts';
import type { IdentifiedBox, Sequence } from './sequence.ts';
import { hasWeights, modelFolder, REIDENTIFICATION } from './test-weights.ts';

const CAMERA = 'sequence';
const PERSON = 'person';
const FPS = 5;
const START_LIMIT_MS = 60_000;
/** Frames of the ring that must be found in the clip at one and the same distance before it is believed. */
const ALIGNED = 3;

/** What was followed of one playing of the clip: the frames that were looked at, in order, and the tracks that were told in each. */
export interface Playing { readonly frames: readonly number[]; readonly tracked: readonly (readonly IdentifiedBox[])[]; readonly failed: number; readonly appearance?: Appearance }

/** Of the subscription that describes tracks, since core began. */
interface Appearance { readonly looks: number; readonly identitiesKept: number; readonly ms: number | null }

/** Through each detector at hand: the built-in one, and YOLOv8n where its weights lie with the shared test data; `appearance`: with a re-identification model on its boxes. */
export async function throughSystem(sequence: Sequence, folder: string, appearance: boolean, report: (line: string) => void): Promise<Record<string, Playing>> {
  Log.setLevel(AV_LOG_ERROR);
  const clip = readdirSync(folder).find((name) => name.endsWith('.mp4'));
  if (clip === undefined) throw new Error(`${folder} has no .mp4 of the sequence to play`);
  const pictures = await picturesOf(join(folder, clip));
  if (pictures.length !== sequence.truth.length) throw new Error(`${clip} has ${pictures.length} pictures, the sequence ${sequence.truth.length} frames`);
  const playings: Record<string, Playing> = {};
  for (const id of ['centernet-coco', ...(hasWeights('yolov8n') ? ['yolov8n'] : [])]) {
    playings[id] = await playing(id, join(folder, clip), pictures, sequence, appearance);
    report(`${id}: ${playings[id].frames.length} looks, ${playings[id].failed} failed`);
  }
  return playings;
}

async function playing(modelId: string, clip: string, pictures: readonly Uint16Array[], sequence: Sequence, appearance: boolean): Promise<Playing> {
  const work = mkdtempSync(join(tmpdir(), 'ruth-tracking-'));
  const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-tracking-'));
  const stop = new AbortController();
  await using processes = new Processes();
  try {
    const models = [modelId, ...(appearance ? [REIDENTIFICATION] : [])].map((id) => ({ id, folder: modelFolder(id, work) }));
    const camera = await processes.start('packages/kernel/src/live/rtsp-main.ts', [clip]);
    const config = join(work, 'ruth.yaml');
    writeFileSync(config, JSON.stringify({
      paths: { socket_directory: work, ring_directory: rings, data_directory: join(work, 'data') }, cameras: [{ id: CAMERA, url: camera.details.url }],
      models,
      subscriptions: models.map(({ id }) => ({ camera: CAMERA, model: id, desired_fps: FPS, ...(id === modelId ? {} : { regions: { model: modelId, classes: [PERSON], appearance: true } }) })),
    }));
    for (const { folder } of models) await processes.start('packages/container/src/main.ts', ['-c', config, folder]);
    await processes.start('packages/kernel/src/main.ts', ['-c', config]);
    await processes.start('packages/core/src/main.ts', ['-c', config]);
    const looks: Look[] = [];
    const follow = request({ socketPath: coreSocketPath(work), path: '/v1/events', signal: stop.signal }, (response) => {
      createInterface(response).on('line', (line) => {
        if (!line.startsWith('data: ')) return;
        const event = JSON.parse(line.slice(6)) as CoreEvent;
        if (event.type === 'detection') looks.push(event.look);
      });
    });
    follow.on('error', () => undefined).end();
    const beginS = await beginOf(ringPath(CAMERA, rings), rings, pictures, sequence.framesPerSecond);
    // A frame's number since the playing in which it was found began: negative before.
    const frameOf = (look: Look): number => Math.round((look.pts_us / 1e6 - beginS) * sequence.framesPerSecond);
    const [from, to] = [pictures.length, 2 * pictures.length];
    while (looks.length === 0 || frameOf(looks.at(-1)!) < to) await delay(200);
    const all = looks.filter((look) => frameOf(look) >= from && frameOf(look) < to);
    const answered = all.filter(({ error }) => error === null);
    return { ...(appearance ? { appearance: await appearanceCost(work) } : {}), frames: answered.map((look) => frameOf(look) - from), tracked: answered.map((look) => tracksOf(look, sequence)), failed: all.length - answered.length };
  } finally {
    stop.abort();
    await processes[Symbol.asyncDispose]();
    for (const path of [work, rings]) rmSync(path, { recursive: true, force: true });
  }
}

async function appearanceCost(socketDirectory: string): Promise<Appearance> {
  const statuses = await get<SubscriptionStatus[]>(coreSocketPath(socketDirectory), '/v1/subscriptions');
  const { answered, identities_kept = 0, stages_ms: stages } = statuses.find(({ model_id }) => model_id === REIDENTIFICATION)!;
  return { looks: answered, identitiesKept: identities_kept, ms: stages?.inferred?.p50 ?? null };
}

function tracksOf({ detections }: Look, { width, height }: Sequence): IdentifiedBox[] {
  return detections.flatMap(({ track_id: id, class_name: name, bbox: [left, top, right, bottom] }) =>
    (id != null && name === PERSON ? [{ id, box: [left * width, top * height, right * width, bottom * height] as const }] : []));
}

/** When the clip began that is playing now, in seconds of the stream: the frames in the ring are found among the pictures of the clip. */
async function beginOf(path: string, ringDirectory: string, pictures: readonly Uint16Array[], fps: number): Promise<number> {
  const begins: number[] = [];
  for (const end = performance.now() + START_LIMIT_MS; performance.now() < end; await delay(100)) {
    using reader = openRing(path, ringDirectory);
    const read = reader?.read(reader.framesPublished() - 1);
    if (read?.status !== 'frame') continue;
    const { width, height, planes: [luma], strides: [stride], ptsUs } = read.frame;
    const grid = new LumaGrid(width, height);
    grid.read(luma!, stride!);
    if (!read.frame.intact()) continue;
    begins.push(ptsUs / 1e6 - nearest(grid.sums, pictures) / fps);
    const last = begins.slice(-ALIGNED);
    if (last.length === ALIGNED && Math.max(...last) - Math.min(...last) < 0.5 / fps) return last[0]!;
  }
  throw new Error(`within ${START_LIMIT_MS} ms no frames of the clip came: ${JSON.stringify(begins)}`);
}

function openRing(path: string, ringDirectory: string): RingReader | null {
  try {
    return RingReader.open(path, { ringDirectory });
  } catch {
    return null;
  }
}

function nearest(sums: Uint16Array, pictures: readonly Uint16Array[]): number {
  let [best, least] = [0, Infinity];
  for (const [index, picture] of pictures.entries()) {
    let difference = 0;
    for (let block = 0; block < sums.length; block++) difference += Math.abs(sums[block]! - picture[block]!);
    if (difference < least) [best, least] = [index, difference];
  }
  return best;
}

/** Of each picture of the clip its luma in small. */
async function picturesOf(clip: string): Promise<Uint16Array[]> {
  await using demuxer = await Demuxer.open(clip);
  const stream = demuxer.video()!;
  using decoder = await Decoder.create(stream);
  const pictures: Uint16Array[] = [];
  for await (using picture of decoder.frames(demuxer.packets(stream.index))) {
    if (!picture) continue;
    const grid = new LumaGrid(picture.width, picture.height);
    grid.read(picture.data![0]!, picture.linesize[0]!);
    pictures.push(grid.sums);
  }
  return pictures;
}
