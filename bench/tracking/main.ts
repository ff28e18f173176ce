// `npm run -s tracking -- --mot <folder> --json`: how well tracks follow the people of a MOTChallenge sequence, with its
// public detections and with yolov8n's, at the full rate and at 5 fps, with one configuration for all. `--system`: the clip of the sequence
// through camera, kernel, container and core as they run for a user, at 5 fps, with each detector at hand.
import { parseArgs } from 'node:util';
import { Tracker, type TrackableDetection } from '@ruth/core';
import { clearMetrics } from './clear.ts';
import { compare } from './comparison.ts';
import { GreedyFloor } from './greedy-floor.ts';
import { hotaMetrics } from './hota.ts';
import { identityMetrics } from './identity.ts';
import { readSequence, type IdentifiedBox, type Sequence } from './sequence.ts';
import { throughSystem } from './system.ts';

interface Row { mota: number; idf1: number; hota: number; id_switches: number }
type Follow = (detections: readonly TrackableDetection[], timeS: number) => IdentifiedBox[];

const USAGE = 'usage: npm run -s tracking -- --mot <folder with seqinfo.ini, gt/ and det/> [--system] [--json]';
const LOW_FPS = 5;

try {
  const { values: { mot, json, system } } = parseArgs({ options: { mot: { type: 'string' }, system: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } });
  if (mot === undefined) throw new Error(USAGE);
  const sequence = readSequence(mot);
  if (system) {
    print(await systemRows(sequence, mot), json);
    process.exit(0);
  }
  const time = { spentMs: 0, frames: 0 };
  const rows = rowsOf(sequence, () => timed(byTracker(), time));
  const floor = rowsOf(sequence, () => { const greedy = new GreedyFloor(); return (detections, timeS) => greedy.update(detections, timeS); });
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

function print(rows: Record<string, Row>, json: boolean): void {
  if (json) console.log(JSON.stringify(rows));
  else console.table(rows);
}

/** Judged on the frames that were looked at. */
async function systemRows(sequence: Sequence, folder: string): Promise<Record<string, Row & { looks: number; failed: number }>> {
  const playings = await throughSystem(sequence, folder, (line) => console.error(line));
  return Object.fromEntries(Object.entries(playings).map(([model, { frames, tracked, failed }]) => {
    const { mota, idf1, hota, id_switches } = rowOf(frames.map((frame) => sequence.truth[frame]!), tracked);
    return [model, { mota: rounded(mota), idf1: rounded(idf1), hota: rounded(hota), id_switches, looks: frames.length, failed }];
  }));
}

function rowOf(truth: readonly (readonly IdentifiedBox[])[], tracked: readonly (readonly IdentifiedBox[])[]): Row {
  const comparison = compare(truth, tracked);
  const { mota, idSwitches } = clearMetrics(comparison);
  return { mota, idf1: identityMetrics(comparison).idf1, hota: hotaMetrics(comparison).hota, id_switches: idSwitches };
}

function rowsOf(sequence: Sequence, follower: () => Follow): Record<'public30' | 'public5' | 'yolo30' | 'yolo5', Row> {
  const [publicly, yolo] = [sequence.publicDetections, sequence.yoloDetections].map((frames) => frames.map((boxes) => boxes.map(
    ({ score, box }): TrackableDetection => ({ class_id: 0, confidence: score, bbox: [...box] }),
  )));
  const stride = Math.round(sequence.framesPerSecond / LOW_FPS);
  return {
    public30: meanOfPhases(sequence, publicly!, 1, follower), public5: meanOfPhases(sequence, publicly!, stride, follower),
    yolo30: meanOfPhases(sequence, yolo!, 1, follower), yolo5: meanOfPhases(sequence, yolo!, stride, follower),
  };
}

/** Every `stride`th frame, begun at each of the first `stride`, judged on the frames that were looked at. */
function meanOfPhases(sequence: Sequence, detections: readonly (readonly TrackableDetection[])[], stride: number, follower: () => Follow): Row {
  const total: Row = { mota: 0, idf1: 0, hota: 0, id_switches: 0 };
  for (let phase = 0; phase < stride; phase++) {
    const follow = follower();
    const looked = sequence.truth.map((_, frame) => frame).filter((frame) => frame % stride === phase);
    const row = rowOf(looked.map((frame) => sequence.truth[frame]!), looked.map((frame) => follow(detections[frame]!, frame / sequence.framesPerSecond)));
    for (const key of ['mota', 'idf1', 'hota', 'id_switches'] as const) total[key] += row[key] / stride;
  }
  return { mota: rounded(total.mota), idf1: rounded(total.idf1), hota: rounded(total.hota), id_switches: rounded(total.id_switches) };
}

function byTracker(): Follow {
  const tracker = new Tracker();
  return (detections, timeS) => tracker.update(detections, timeS).filter(({ isVisible }) => isVisible).map(({ id, box }) => ({ id, box }));
}

function timed(follow: Follow, time: { spentMs: number; frames: number }): Follow {
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
