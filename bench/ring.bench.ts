// The frame ring: what publishing costs over the bare copy, what a look costs, and whether a torn frame was ever accepted.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { COLOUR_MATRIX, COLOUR_RANGE, type PixelFormat } from '@ruth/protocol';
import { RingReader, RingWriter, sweepOrphanRings } from '@ruth/transport';
import type { ReaderReport, ReaderTask } from '../packages/transport/test/ring-torture/reader.ts';
import type { WriterTask } from '../packages/transport/test/ring-torture/writer.ts';
import type { Bench } from './runner.ts';

const RUNS = 9;
/** Half of them copied, half published. */
const FRAMES_PER_RUN = 320;
const SLOTS = 8;
const READERS = 4;
const READS = 100_000;

export const bench: Bench = async (report) => {
  const ringDirectory = mkdtempSync('/dev/shm/ruth-bench-');
  try {
    return { ...publishing(ringDirectory, report), ...await tearing(ringDirectory, report) };
  } finally {
    sweepOrphanRings({ ringDirectory });
    rmSync(ringDirectory, { recursive: true, force: true });
  }
};

function publishing(ringDirectory: string, report: (line: string) => void): Record<string, number> {
  const size = { width: 1920, height: 1080, format: 'NV12' as PixelFormat, slotCount: SLOTS, ringDirectory };
  using writer = RingWriter.create({ cameraId: 'publish', ...size });
  using reader = RingReader.open(writer.path, { ringDirectory });
  const metadata = { ptsUs: 0, capturedAtUs: 1_735_598_400_000_000, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 };
  // The floor copies into the very same pages, in the same order, without a word to readers: two rings side by side differ
  // by what the caches hold of each, which is more than publishing costs.
  const targets = Array.from({ length: SLOTS }, () => {
    const { planes } = writer.begin();
    writer.publish(metadata);
    return planes;
  });
  const ready = targets[0]!.map((plane, index) => Buffer.alloc(plane.length, 16 + index));
  const copyInto = (planes: readonly Buffer[]): void => {
    for (const [index, plane] of planes.entries()) ready[index]!.copy(plane);
  };
  const publish = (): void => {
    copyInto(writer.begin().planes);
    writer.publish(metadata);
  };
  const ratios: number[] = [];
  const all: { floor: number[]; publish: number[] } = { floor: [], publish: [] };
  for (let run = -1; run < RUNS; run++) {
    const floor: number[] = [];
    const published: number[] = [];
    // A ring's round each in turn, so that whatever else the machine does meets both alike.
    for (let frame = 0; frame < FRAMES_PER_RUN; frame++) {
      if (frame % (2 * SLOTS) < SLOTS) floor.push(timeNs(() => copyInto(targets[frame % SLOTS]!)));
      else published.push(timeNs(publish));
    }
    if (run < 0) continue; // warms caches and compiler
    ratios.push(median(published) / median(floor));
    all.floor.push(median(floor));
    all.publish.push(median(published));
    report(`run ${run + 1}: copy ${(median(floor) / 1000).toFixed(1)} us, publish ${(median(published) / 1000).toFixed(1)} us, ratio ${ratios.at(-1)!.toFixed(3)}`);
  }
  const newest = reader.framesPublished() - 1;
  const looks = 20_000;
  const perLook = (look: () => void): number => median(Array.from({ length: 7 }, () => timeNs(() => { for (let count = 0; count < looks; count++) look(); }) / looks));
  const readNs = perLook(() => {
    const result = reader.read(newest);
    if (result.status !== 'frame' || !result.frame.intact()) throw new Error(`frame ${newest} is ${result.status}`);
  });
  const pollNs = perLook(() => reader.framesPublished());
  const overheadNs = perLook(() => {
    writer.begin();
    writer.publish(metadata);
  });
  return {
    publish_over_memcpy: round(median(ratios), 3), publish_us: round(median(all.publish) / 1000, 1), memcpy_us: round(median(all.floor) / 1000, 1),
    publish_overhead_ns: round(overheadNs, 0), read_ns: round(readNs, 0), poll_ns: round(pollNs, 1), runs: RUNS, frames: RUNS * FRAMES_PER_RUN / 2,
  };
}

/** Four reader processes check every pixel against a writer process at full speed, until there were `READS` reads of pixels. */
async function tearing(ringDirectory: string, report: (line: string) => void): Promise<Record<string, number>> {
  const total = { reads: 0, accepted: 0, torn_accepted: 0, refused_after_use: 0, refused_at_read: 0, torn_refused: 0 };
  for (let round = 0; total.reads < READS; round++) {
    const slotCount = [2, 4, 8, 1][round % 4]!;
    const cameraId = `torture-${round}`;
    const writerTask: WriterTask = { ringDirectory, cameraId, width: 160, height: 90, format: 'NV12', slotCount, restUpToUs: slotCount === 1 ? 100 : 0 };
    const readerTask: ReaderTask = { ringDirectory, reference: `${ringDirectory}/vas_frames_${cameraId}`, attempts: 15_000, reportEvery: Infinity };
    const writer = start('writer', writerTask);
    await once(writer, 'message');
    const readers = Array.from({ length: READERS }, () => start('reader', readerTask));
    const reports = await Promise.all(readers.map(async (reader) => (await once(reader, 'message') as [{ report: ReaderReport }])[0].report));
    const exited = once(writer, 'exit');
    writer.kill('SIGKILL');
    await exited;
    for (const one of reports) {
      total.reads += one.accepted + one.refusedAfterUse;
      total.accepted += one.accepted;
      total.torn_accepted += one.tornAccepted;
      total.refused_after_use += one.refusedAfterUse;
      total.refused_at_read += one.refusedAtRead;
      total.torn_refused += one.wrongPixelsRefused;
    }
    report(`${slotCount} slots: ${JSON.stringify(total)}`);
  }
  return { ...total, readers: READERS };
}

function start(file: 'reader' | 'writer', task: ReaderTask | WriterTask): ReturnType<typeof fork> {
  return fork(new URL(`../packages/transport/test/ring-torture/${file}.ts`, import.meta.url), [JSON.stringify(task)]);
}

function timeNs(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const round = (value: number, digits: number): number => Number(value.toFixed(digits));
