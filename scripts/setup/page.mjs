// The page that the server gives out: built anew when one of its sources changed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupError } from './progress.mjs';
import { digestFiles, readStamp, writeStamp } from './stamp.mjs';

const SOURCES = ['packages/web', 'packages/protocol/src', 'package-lock.json'];

/** @param {string} root @param {import('./progress.mjs').Report} report */
export async function buildPage(root, report) {
  const state = digestFiles(root, SOURCES);
  if (readStamp(root, 'page') === state && existsSync(join(root, 'packages/web/dist/index.html'))) return null;
  report('building');
  const { status, output } = await runCommand('npm', ['run', 'build', '-w', 'packages/web'], { cwd: root });
  if (status !== 0) throw new SetupError('the page cannot be built', 'npm run build -w packages/web', output);
  writeStamp(root, 'page', state);
  return 'built';
}
