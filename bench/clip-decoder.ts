// FFmpeg's decoder for a clip's video, with one thread: what both decoding floors use.
import type { Stream } from 'node-av/lib';
import { Codec, CodecContext } from 'node-av/lib';

/** The caller frees it. */
export async function openClipDecoder({ codecpar }: Stream): Promise<CodecContext> {
  const context = new CodecContext();
  context.allocContext3(Codec.findDecoder(codecpar.codecId));
  context.parametersToContext(codecpar);
  context.threadCount = 1;
  await context.open2(null, null);
  return context;
}
