// Versions of a model beside each other: `models/<id>` is the first, `models/<id>@2`, `@3` and so on those that took its place. Which
// one serves stands in ruth.yaml; which one it took the place of stands in its folder, so that going back goes to what really ran.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { RuthError } from '@ruth/protocol';

/** Beside the one that serves and the one it replaced. */
const MOST_OTHERS = 1;
const REPLACES = '.replaces';

/** Folders of a model's versions, oldest first. */
export function versionsOf(id: string, modelsDirectory: string): string[] {
  const number = (name: string): number => (name === id ? 1 : Number(name.slice(id.length + 1)));
  return readdirSync(modelsDirectory).filter((name) => name === id || (name.startsWith(`${id}@`) && /^\d{1,6}$/.test(name.slice(id.length + 1)))).sort((a, b) => number(a) - number(b)).map((name) => join(modelsDirectory, name));
}

/** The next version's folder, which is not there yet. */
export function nextVersion(id: string, modelsDirectory: string): string {
  const last = basename(versionsOf(id, modelsDirectory).at(-1) ?? id);
  return join(modelsDirectory, `${id}@${last === id ? 2 : Number(last.slice(id.length + 1)) + 1}`);
}

export function noteReplaced(folder: string, replaced: string): void {
  writeFileSync(join(folder, REPLACES), `${basename(replaced)}\n`);
}

/** The version that served before the one in `folder`. Throws `not_found`. */
export function versionBefore(folder: string, modelsDirectory: string): string {
  const note = join(folder, REPLACES);
  const name = existsSync(note) ? readFileSync(note, 'utf8').trim() : '';
  const before = join(modelsDirectory, basename(name));
  if (name === '' || !existsSync(join(before, 'model.yaml'))) throw new RuthError('not_found', `${folder} has taken the place of no version that is still there`);
  return before;
}

/** Deletes what is neither serving nor one step back, but for the newest of the rest; never `models/<id>`, which may be built in. */
export function pruneVersions(id: string, modelsDirectory: string, serving: string): string[] {
  const kept = new Set([resolve(serving)]);
  try {
    kept.add(resolve(versionBefore(serving, modelsDirectory)));
  } catch {
    // The first one.
  }
  const others = versionsOf(id, modelsDirectory).filter((folder) => !kept.has(resolve(folder)) && basename(folder) !== id);
  const removed = others.slice(0, Math.max(0, others.length - MOST_OTHERS));
  for (const folder of removed) rmSync(folder, { recursive: true, force: true });
  return removed;
}
