// The process that understands a clip: takes a task and then frames or looks, a JSON line each, and answers each with what came of it.
import { createInterface } from 'node:readline';
import { type ReplayAnswer, ReplayLine, RuthError, validator } from '@ruth/protocol';
import { ClipCamera } from './replay/clip-camera.ts';

const replayLine = validator(ReplayLine);
let camera: ClipCamera | null = null;

async function answer(line: string): Promise<ReplayAnswer> {
  try {
    const told = replayLine.parse(JSON.parse(line));
    if (told.type === 'task') {
      camera = new ClipCamera(told);
      return { looks: [], events: [] };
    }
    if (camera === null) throw new RuthError('bad_request', 'the first line is the task');
    return told.type === 'frame' ? await camera.show(told) : camera.take(told.look);
  } catch (cause) {
    const { code, message } = RuthError.from(cause);
    return { looks: [], events: [], error: message, error_code: code };
  }
}

for await (const line of createInterface(process.stdin)) process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
await (camera as ClipCamera | null)?.[Symbol.asyncDispose]();
