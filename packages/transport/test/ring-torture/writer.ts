// A writer process at full speed until it is killed or its parent is gone. `churn` makes a new generation of another
// size every few frames; else one ring lives as long as the process. Argument: WriterTask as JSON.
import { setImmediate } from 'node:timers/promises';
import type { PixelFormat } from '@ruth/protocol';
import { RingWriter } from '../../src/index.ts';
import { metadataOf, paint } from './pattern.ts';

export interface WriterTask {
  ringDirectory: string; cameraId: string; width: number; height: number; format: PixelFormat; slotCount: number; churn?: boolean;
  /** Longest rest after a frame: with one slot and none, hardly a moment is left in which it can be read. */
  restUpToUs?: number;
}

/** Sent once the first ring is there. */
export interface WriterReady { generation: string }

const task = JSON.parse(process.argv[2]!) as WriterTask;
process.on('disconnect', () => process.exit());
for (let size = 0; ; size++) {
  const writer = RingWriter.create({ ...task, width: task.width + (size % 7) * 16 });
  if (size === 0) process.send!({ generation: String(writer.generation) } satisfies WriterReady);
  for (let frames = 0; !task.churn || frames < 20; frames++) {
    const { frameId, planes } = writer.begin();
    paint(planes, frameId, writer.generation);
    if (frameId % 97 === 50) {
      writer.abandon();
      const again = writer.begin();
      paint(again.planes, frameId, writer.generation);
    }
    writer.publish(metadataOf(frameId));
    const restUntil = performance.now() + ((frameId * 7919) % 1000) * (task.restUpToUs ?? 0) / 1e6;
    while (performance.now() < restUntil);
    if (frames % 50 === 0) await setImmediate();
  }
  // Half of the generations are closed by their writer, half replaced under it.
  if (size % 2) writer.close();
}
