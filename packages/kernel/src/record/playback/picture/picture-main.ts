// The process that makes pictures of recordings. Forked by the kernel, which gives it one job after another.
import { once } from 'node:events';
import { RuthError } from '@ruth/protocol';
import { runProcess } from '@ruth/transport';
import { Log } from 'node-av/lib';
import { AV_LOG_QUIET } from 'node-av/constants';
import { makePicture } from './jpeg.ts';
import type { PictureAnswer, PictureJob } from './picture-messages.ts';

async function answer({ id, ...job }: PictureJob): Promise<PictureAnswer> {
  try {
    return { id, jpeg: await makePicture(job) };
  } catch (cause) {
    const { code, message } = RuthError.from(cause, 'stream_corrupt');
    return { id, code, message };
  }
}

await runProcess('picture', async ({ signal }) => {
  Log.setLevel(AV_LOG_QUIET);
  process.on('message', (job: PictureJob) => {
    void answer(job).then((result) => { if (process.connected) process.send!(result, undefined, undefined, () => undefined); });
  });
  if (!signal.aborted) await once(signal, 'abort');
});
