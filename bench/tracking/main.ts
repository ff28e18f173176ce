// `npm run -s tracking -- --mot <folder> --json`: how well tracks follow the people of a MOTChallenge sequence, with its
// public detections and with yolov8n's, at the full rate and at 5 fps, with one configuration for all. `--system`: the clip of the sequence
// through camera, kernel, container and core as they run for a user, at 5 fps, with each detector at hand. `--appearance`: with vectors of a
// re-identification model, of the boxes that the tracker asks for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tracker, type TrackableDetection } from '@ruth/core';
import { clearMetrics } from './clear.ts';
import { ClipAppearance } from './clip-appearance.ts';
import { compare } from './comparison.ts';
import { GreedyFloor } from './greedy-floor.ts';
import { hotaMetrics } from './hota.ts';
import { identityMetrics } from './identity.ts';
import { readSequence, type IdentifiedBox, type Sequence } from './sequence.ts';
import { throughSystem } from './system.ts';
import { hasWeights, modelFolder, REIDENTIFICATION } from './test-weights.ts';

interface Row { mota: number; idf1: number; hota: number; id_switches: number }
type Follow = (detections: readonly TrackableDetection[], timeS: number, frame: number) => IdentifiedBox[] | Promise<IdentifiedBox[]>;

const USAGE = 'usage: npm run -s tracking -- --mot <folder with seqinfo.ini, gt/ and det/> [--system] [--appearance] [--json]';
const LOW_FPS = 5;
/** From a look to the vector of a box in it, live. */
const VECTOR_AFTER_S = 0.1;

try {
  const { values: { mot, json, system, appearance } } = parseArgs({ options: { mot: { type: 'string' }, system: { type: 'boolean', default: false }, appearance: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } });
  if (mot === undefined) throw new Error(USAGE);
  if (appearance && !hasWeights(REIDENTIFICATION)) throw new Error(`--appearance needs ${REIDENTIFICATION}.onnx with the shared test data`);
  const sequence = readSequence(mot);
  if (system) {
    print(await systemRows(sequence, mot, appearance), json);
    process.exit(0);
  }
  if (appearance) {
    print(await appearanceRows(sequence, mot), json);
    process.exit(0);
  }
  const time = { spentMs: 0, frames: 0 };
  const rows = await rowsOf(sequence, () => timed(byTracker(), time));
  const floor = await rowsOf(sequence, () => { const greedy = new GreedyFloor(); return (detections, timeS) => greedy.update(detections, timeS); });
  const perFrameMs = time.spentMs / time.frames;
  if (json) console.log(JSON.stringify({ ...rows, floor, ms_per_frame: rounded(perFrameMs), sequence: sequence.name }));
  else {
    console.table({ ...rows, ...Object.fromEntries(Object.entries(floor).map(([name, row]) => [`${name} floor`, row])) });
    console.log(`${perFrameMs.toFixed(3)} ms a frame`);
  }
} catch (cause) {
  console.error((cause as Error).message);
  process.exitCode = 1;
}

function print(rows: object, json: boolean): void {
  if (json) console.log(JSON.stringify(rows));
  else console.table(rows);
}

/** Judged on the frames that were looked at. */
async function systemRows(sequence: Sequence, folder: string, appearance: boolean): Promise<Record<string, Row & { looks: number; failed: number }>> {
  const playings = await throughSystem(sequence, folder, appearance, (line) => console.error(line));
  return Object.fromEntries(Object.entries(playings).map(([model, { frames, tracked, failed, appearance: vectors }]) => {
    const { mota, idf1, hota, id_switches } = rowOf(frames.map((frame) => sequence.truth[frame]!), tracked);
    return [model, { mota: rounded(mota), idf1: rounded(idf1), hota: rounded(hota), id_switches, looks: frames.length, failed, ...(vectors ? { vectors: vectors.looks, identities_kept: vectors.identitiesKept, vector_ms: vectors.ms } : {}) }];
  }));
}

/** The same rows with vectors, how many of them a second of the clip, and what one costs. */
async function appearanceRows(sequence: Sequence, folder: string): Promise<object> {
  const work = mkdtempSync(join(tmpdir(), 'ruth-tracking-'));
  try {
    await using clip = await ClipAppearance.open(sequence, folder, modelFolder(REIDENTIFICATION, work));
    const kept = { identities: 0 };
    const rows = await rowsOf(sequence, () => byAppearance(clip, kept));
    const { msEach, vectors } = clip.cost;
    // Seven playings with each detector.
    const seconds = 2 * (1 + Math.round(sequence.framesPerSecond / LOW_FPS)) * sequence.truth.length / sequence.framesPerSecond;
    return { ...rows, vector_ms: rounded(msEach), vectors_per_s: rounded(vectors / seconds), identities_kept: kept.identities };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function rowOf(truth: readonly (readonly IdentifiedBox[])[], tracked: readonly (readonly IdentifiedBox[])[]): Row {
  const comparison = compare(truth, tracked);
  const { mota, idSwitches } = clearMetrics(comparison);
  return { mota, idf1: identityMetrics(comparison).idf1, hota: hotaMetrics(comparison).hota, id_switches: idSwitches };
}

async function rowsOf(sequence: Sequence, follower: () => Follow): Promise<Record<'public30' | 'public5' | 'yolo30' | 'yolo5', Row>> {
  const [publicly, yolo] = [sequence.publicDetections, sequence.yoloDetections].map((frames) => frames.map((boxes) => boxes.map(
    ({ score, box }): TrackableDetection => ({ class_id: 0, confidence: score, bbox: [...box] }),
  )));
  const stride = Math.round(sequence.framesPerSecond / LOW_FPS);
  return {
    public30: await meanOfPhases(sequence, publicly!, 1, follower), public5: await meanOfPhases(sequence, publicly!, stride, follower),
    yolo30: await meanOfPhases(sequence, yolo!, 1, follower), yolo5: await meanOfPhases(sequence, yolo!, stride, follower),
  };
}

/** Every `stride`th frame, begun at each of the first `stride`, judged on the frames that were looked at. */
async function meanOfPhases(sequence: Sequence, detections: readonly (readonly TrackableDetection[])[], stride: number, follower: () => Follow): Promise<Row> {
  const total: Row = { mota: 0, idf1: 0, hota: 0, id_switches: 0 };
  for (let phase = 0; phase < stride; phase++) {
    const follow = follower();
    const looked = sequence.truth.map((_, frame) => frame).filter((frame) => frame % stride === phase);
    const tracked: IdentifiedBox[][] = [];
    for (const frame of looked) tracked.push(await follow(detections[frame]!, frame / sequence.framesPerSecond, frame));
    const row = rowOf(looked.map((frame) => sequence.truth[frame]!), tracked);
    for (const key of ['mota', 'idf1', 'hota', 'id_switches'] as const) total[key] += row[key] / stride;
  }
  return { mota: rounded(total.mota), idf1: rounded(total.idf1), hota: rounded(total.hota), id_switches: rounded(total.id_switches) };
}

function byTracker(): (detections: readonly TrackableDetection[], timeS: number) => IdentifiedBox[] {
  const tracker = new Tracker();
  return (detections, timeS) => tracker.update(detections, timeS).filter(({ isVisible }) => isVisible).map(({ id, box }) => ({ id, box }));
}

/** As live: a vector comes when it can help the next look at the earliest. */
function byAppearance(clip: ClipAppearance, kept: { identities: number }): Follow {
  const tracker = new Tracker();
  const coming: { atS: number; tell: () => void }[] = [];
  return async (detections, timeS, frame) => {
    while (coming[0] && coming[0].atS <= timeS) coming.shift()!.tell();
    const before = tracker.identitiesKept;
    const tracked = tracker.update(detections, timeS).filter(({ isVisible }) => isVisible).map(({ id, box }) => ({ id, box }));
    kept.identities += tracker.identitiesKept - before;
    const wanted = tracker.wanted();
    tracker.asked(wanted);
    for (const { subject, detectionIndex } of wanted) {
      const vector = await clip.vector(frame, detections[detectionIndex]!.bbox);
      if (vector) coming.push({ atS: timeS + VECTOR_AFTER_S, tell: () => subject.describe(vector) });
    }
    return tracked;
  };
}

function timed(follow: (detections: readonly TrackableDetection[], timeS: number) => IdentifiedBox[], time: { spentMs: number; frames: number }): Follow {
  return (detections, timeS) => {
    const startedMs = performance.now();
    const tracked = follow(detections, timeS);
    time.spentMs += performance.now() - startedMs;
    time.frames++;
    return tracked;
  };
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
