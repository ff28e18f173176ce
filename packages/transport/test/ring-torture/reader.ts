// A reader process that checks every frame it accepts and opens the ring again whenever its generation is over.
// Argument: ReaderTask as JSON. Sends `{ report }` every `reportEvery` attempts; ends after `attempts` (0: never).
import { setImmediate } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { RingReader } from '../../src/index.ts';
import { isPainted } from './pattern.ts';

export interface ReaderTask { ringDirectory: string; reference: string; attempts: number; reportEvery: number }
export interface ReaderReport {
  accepted: number;
  /** Refused by `read`, and by the second look. */
  refusedAtRead: number;
  refusedAfterUse: number;
  /** Refused after use with pixels that were wrong: what a reader without a second look would have used. */
  wrongPixelsRefused: number;
  /** Accepted with wrong pixels or numbers. Must stay 0. */
  tornAccepted: number;
  /** Of the ring opened last; null before the first. */
  generation: string | null;
  acceptedOfGeneration: number;
}

const task = JSON.parse(process.argv[2]!) as ReaderTask;
process.on('disconnect', () => process.exit());
const report: ReaderReport = { accepted: 0, refusedAtRead: 0, refusedAfterUse: 0, wrongPixelsRefused: 0, tornAccepted: 0, generation: null, acceptedOfGeneration: 0 };
let reader: RingReader | null = null;
let attempts = 0;
while (task.attempts === 0 || attempts < task.attempts) {
  reader ??= open();
  if (!reader || reader.framesPublished() === 0) {
    await setImmediate();
    if (reader?.isCurrent() === false) reader = close(reader);
    continue;
  }
  attempts++;
  // Mostly the newest frame, sometimes the one that is overwritten next.
  const frameId = Math.max(0, reader.framesPublished() - 1 - (attempts % 4 === 0 ? reader.layout.slotCount - 1 : 0));
  const result = reader.read(frameId);
  if (result.status === 'frame') {
    const matches = isPainted(result.frame, frameId, reader.generation);
    if (result.frame.intact()) {
      report.accepted++;
      report.acceptedOfGeneration++;
      if (!matches) report.tornAccepted++;
    } else {
      report.refusedAfterUse++;
      if (!matches) report.wrongPixelsRefused++;
    }
  } else if (result.status === 'retired') {
    reader = close(reader);
  } else {
    report.refusedAtRead++;
  }
  if (attempts % task.reportEvery === 0) {
    process.send!({ report });
    await setImmediate();
  }
}
process.send!({ report }, () => process.disconnect());

function open(): RingReader | null {
  try {
    const opened = RingReader.open(task.reference, task);
    report.generation = String(opened.generation);
    report.acceptedOfGeneration = 0;
    return opened;
  } catch (error) {
    if (error instanceof RuthError && error.code === 'frame_not_found') return null;
    throw error;
  }
}

function close(old: RingReader): null {
  old.close();
  return null;
}
