// Prepares the demo's clip ahead of its first start. Prints what it does, a line each; the last line says which clip it is.
import { redactUrls, RuthError } from '@ruth/protocol';
import { cacheDirectory } from '../demo/cache-directory.ts';
import { prepareDemoClip } from '../demo/clip.ts';

try {
  const { description } = await prepareDemoClip({ cacheDirectory: cacheDirectory(process.env), clip: process.env.RUTH_DEMO_CLIP, log: (line) => console.log(line) });
  console.log(description);
} catch (cause) {
  console.error(redactUrls(RuthError.from(cause).message));
  process.exitCode = 1;
}
