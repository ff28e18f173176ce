// What core itself costs: cameras with real rings, models behind real sockets that answer at once, and one consumer of events.
// Core runs on one processor, everything around it on another. Side by side with it, in the same run, what the client alone
// costs: the same requests to the same containers from a bare loop.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROCESS_FLAGS } from '@ruth/cli';
import { measureCore, pin, type CoreFigures } from './dispatch/measured-core.ts';
import type { Bench } from './runner.ts';

const MODELS = 3;
const FPS = 5;
const CAMERA_COUNTS = [8, 64];
const ROUNDS = 3;
/** Between two looks at a ring's head while a frame is late: at most, packages/core/src/next-frame.ts. */
const POLL_INTERVAL_MS = 10;

export const bench: Bench = async (report) => {
  // It reads the events: it must not take turns with core.
  pin(process.pid, 1);
  const client = await clientCpuMs();
  const results = new Map<number, CoreFigures[]>(CAMERA_COUNTS.map((count) => [count, []]));
  for (const cameras of CAMERA_COUNTS) {
    let round = 0;
    for await (const figures of measureCore({ cameras, models: MODELS, fps: FPS, rounds: ROUNDS })) {
      results.get(cameras)!.push(figures);
      report(`round ${++round}, ${cameras} cameras: ${figures.cpuMsPerRequest.toFixed(3)} ms a request, ${(figures.achievedOverDesired * 100).toFixed(2)} % of the desired rate, ${JSON.stringify({ ...figures, slowest: undefined, collections: undefined })}`);
    }
  }
  const [few, many] = CAMERA_COUNTS.map((count) => results.get(count)!) as [CoreFigures[], CoreFigures[]];
  const middle = (of: readonly CoreFigures[], value: (figures: CoreFigures) => number): number => of.map(value).sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
  const perRequest = middle(many, ({ cpuMsPerRequest }) => cpuMsPerRequest);
  return {
    cpu_ms_per_request: round(perRequest), achieved_over_desired: round(Math.min(...many.map(({ achievedOverDesired }) => achievedOverDesired))),
    achieved_over_desired_of_the_least: round(Math.min(...many.map(({ leastShare }) => leastShare))),
    worst_jitter_ms: round(middle(many, ({ worstJitterMs }) => worstJitterMs)), poll_interval_ms: POLL_INTERVAL_MS, delay_p50_ms: round(middle(many, ({ delayMs }) => delayMs.p50)),
    core_whole_collections: many.reduce((sum, { whole }) => sum + whole.count, 0), core_longest_collection_ms: round(Math.max(...many.flatMap(({ young, whole }) => [young.longestMs, whole.longestMs]))),
    bare_timer_ms: round(middle(many, ({ bareTimerMs }) => bareTimerMs)), peers_own_lateness_ms: round(middle(many, ({ ownLatenessMs }) => ownLatenessMs)),
    cost_per_camera_64_over_8: round(middle(many, ({ cpuMsPerCamera }) => cpuMsPerCamera) / middle(few, ({ cpuMsPerCamera }) => cpuMsPerCamera)),
    client_cpu_ms_per_request: round(client), client_share: round(client / perRequest),
    cameras: CAMERA_COUNTS.at(-1), models: MODELS, fps: FPS, rounds: ROUNDS,
  };
};

/** What the client of transport costs alone: the requests that core would send, one after another on kept connections, each answer checked for nothing. */
async function clientCpuMs(): Promise<number> {
  const child = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, 'dispatch/bare-client.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  pin(child.pid!, 0);
  const text = Buffer.concat(await child.stdout.toArray() as Buffer[]).toString();
  return (JSON.parse(text) as { cpu_ms_per_request: number }).cpu_ms_per_request;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
