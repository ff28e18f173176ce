// What Node has compiled of a container serves its next start: a third of a second of CPU. A container may write nothing, so that what it
// will load is compiled out here, by a process that sees no model; once for each state of the code.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['protocol', 'transport', 'container'].map((name) => fileURLToPath(new URL(`../../../${name}/src/`, import.meta.url)));
const LIMIT_MS = 60_000;

/** Where the folder of Node's compile cache cannot be written, a container starts without what would be in it. */
export function compileAhead(cacheDirectory: string): void {
  const newestMs = Math.max(...PACKAGES.map(newestChangeMs));
  const state = createHash('sha256').update([process.version, process.getuid?.(), ...process.execArgv, PACKAGES[0], newestMs].join(' ')).digest('hex').slice(0, 16);
  const done = join(cacheDirectory, `container-${state}`);
  try {
    mkdirSync(cacheDirectory, { recursive: true });
    writeFileSync(done, '', { flag: 'wx' });
  } catch {
    return;
  }
  const { status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(new URL('../compile-ahead-main.ts', import.meta.url))], { stdio: 'ignore', timeout: LIMIT_MS });
  if (status !== 0) rmSync(done, { force: true });
}

function newestChangeMs(folder: string): number {
  let newestMs = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newestMs = Math.max(newestMs, entry.isDirectory() ? newestChangeMs(path) : statSync(path).mtimeMs);
  }
  return newestMs;
}
