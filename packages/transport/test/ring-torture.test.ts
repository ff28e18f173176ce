import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { sweepOrphanRings } from '../src/index.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';
import type { ReaderReport, ReaderTask } from './ring-torture/reader.ts';
import type { WriterReady, WriterTask } from './ring-torture/writer.ts';

const READERS = 4;

function start(t: TestContext, file: 'reader' | 'writer', task: ReaderTask | WriterTask): ChildProcess {
  const child = fork(new URL(`ring-torture/${file}.ts`, import.meta.url), [JSON.stringify(task)]);
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Resolves with the next report of which `enough` holds; rejects when the reader ends first. */
function reportOf(reader: ChildProcess, enough: (report: ReaderReport) => boolean): Promise<ReaderReport> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      const { report } = message as { report: ReaderReport };
      if (!enough(report)) return;
      reader.off('message', onMessage).off('exit', onExit);
      resolve(report);
    };
    const onExit = (code: number | null, signal: string | null): void => reject(new Error(`a reader ended with ${code ?? signal}`));
    reader.on('message', onMessage).once('exit', onExit);
  });
}

for (const slotCount of [1, 2, 3, 4]) {
  test(`with ${slotCount} slot${slotCount > 1 ? 's' : ''} and the writer at full speed, four reader processes accept no torn frame and count what they refuse`, async (t) => {
    const ringDirectory = freshRingDirectory(t);
    const format = slotCount % 2 ? 'NV12' : 'I420';
    const writer = start(t, 'writer', { ringDirectory, cameraId: 'front', width: 321, height: 181, format, slotCount, restUpToUs: slotCount === 1 ? 300 : 0 });
    await once(writer, 'message');
    const task: ReaderTask = { ringDirectory, reference: `${ringDirectory}/vas_frames_front`, attempts: 2000, reportEvery: 2000 };
    const readers = Array.from({ length: READERS }, () => start(t, 'reader', task));
    const reports = await Promise.all(readers.map((reader) => reportOf(reader, () => true)));
    await kill(writer);
    const sum = (key: 'accepted' | 'refusedAtRead' | 'refusedAfterUse' | 'wrongPixelsRefused' | 'tornAccepted'): number => reports.reduce((total, report) => total + report[key], 0);
    t.diagnostic(`accepted ${sum('accepted')}, refused at read ${sum('refusedAtRead')}, refused after use ${sum('refusedAfterUse')} (${sum('wrongPixelsRefused')} of them with wrong pixels)`);
    assert.equal(sum('tornAccepted'), 0);
    assert.equal(sum('accepted') + sum('refusedAtRead') + sum('refusedAfterUse'), READERS * task.attempts);
    assert.ok(sum('accepted') > 0);
    assert.ok(sum('wrongPixelsRefused') > 0, 'the second look was needed');
  });
}

test('readers and writers killed at random points cost the others nothing, and nothing is left behind', async (t) => {
  const ringDirectory = freshRingDirectory(t);
  const random = seeded(20_240_601);
  const readerTask: ReaderTask = { ringDirectory, reference: `${ringDirectory}/vas_frames_front`, attempts: 0, reportEvery: 25 };
  let [readersKilled, writersKilled, swept] = [0, 0, 0];
  const startWriter = (churn: boolean): ChildProcess => start(t, 'writer', { ringDirectory, cameraId: 'front', width: 160, height: 90, format: 'NV12', slotCount: 3, churn });
  let writer = startWriter(false);
  const readers = [1, 2, 3].map(() => start(t, 'reader', readerTask));
  const torn: number[] = [];
  const progress = async (reader: ChildProcess): Promise<void> => {
    const more = 1 + Math.floor(random() * 60);
    const base = await reportOf(reader, () => true);
    const report = await reportOf(reader, ({ accepted }) => accepted >= base.accepted + more);
    torn.push(report.tornAccepted);
  };
  for (let round = 0; round < 8; round++) {
    await Promise.all(readers.map(progress));
    if (random() < 0.5) {
      const index = Math.floor(random() * readers.length);
      await kill(readers[index]!);
      readersKilled++;
      await Promise.all(readers.filter((_, other) => other !== index).map(progress));
      readers[index] = start(t, 'reader', readerTask);
    } else {
      await kill(writer);
      writersKilled++;
      // Now and then the next writer finds the orphan itself.
      if (writersKilled % 4 !== 0) swept += sweepOrphanRings({ ringDirectory }).length;
      const churn = writersKilled % 2 === 1;
      writer = startWriter(churn);
      const [{ generation }] = await once(writer, 'message') as [WriterReady];
      await Promise.all(readers.map(progress));
      // The next generations of one that churns are gone before a reader can be waited for.
      if (!churn) await Promise.all(readers.map((reader) => reportOf(reader, (report) => report.generation === generation && report.acceptedOfGeneration > 0)));
    }
  }
  await Promise.all([writer, ...readers].map(kill));
  sweepOrphanRings({ ringDirectory });
  t.diagnostic(`killed ${readersKilled} readers and ${writersKilled} writers; ${swept} rings swept on the way`);
  assert.ok(readersKilled > 0 && writersKilled > 0 && swept > 0);
  assert.ok(torn.every((count) => count === 0));
  assert.deepEqual(readdirSync(ringDirectory), []);
});

/** Mulberry32: the same victims in every run. */
function seeded(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
