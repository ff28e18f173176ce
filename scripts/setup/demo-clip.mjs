// The demo's clip (packages/cli/src/demo): prepared here, so that the demo itself begins at once. Kept outside the clone.
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupError } from './progress.mjs';

/** @param {string} root @param {import('./progress.mjs').Report} report */
export async function prepareDemoClip(root, report) {
  /** @type {string[]} */
  const lines = [];
  const { status, output } = await runCommand(join(root, 'node_modules/.bin/node'), ['packages/cli/src/setup/demo-clip-main.ts'], {
    cwd: root, onLine: (line) => { lines.push(line); report(line); },
  });
  if (status !== 0) throw new SetupError('the demo clip could not be made', process.env.RUTH_DEMO_CLIP ? 'RUTH_DEMO_CLIP=<a video file> npm start' : 'RUTH_DEMO_CLIP=<a video file of yours> npm start', output);
  // One line: it was there already.
  return lines.length > 1 ? lines.at(-1)?.replace(/\.$/, '') ?? null : null;
}
