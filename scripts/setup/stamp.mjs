// What set-up remembers from run to run, so that a step whose sources did not change is passed over. The memory lies in
// node_modules: who removes that folder starts anew.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** @param {string} root */
const stampFile = (root) => join(root, 'node_modules/.ruth-setup.json');

/** @param {string} root @param {string} step @returns {string | null} */
export function readStamp(root, step) {
  return stamps(root)[step] ?? null;
}

/** @param {string} root @param {string} step @param {string} value */
export function writeStamp(root, step, value) {
  const part = `${stampFile(root)}.${process.pid}.part`;
  writeFileSync(part, JSON.stringify({ ...stamps(root), [step]: value }));
  renameSync(part, stampFile(root));
}

/** @param {string} root @returns {Record<string, string>} */
function stamps(root) {
  try {
    return JSON.parse(readFileSync(stampFile(root), 'utf8'));
  } catch {
    return {};
  }
}

/**
 * A digest of the names and contents of files; folders are read whole, but for those that builds and packages fill.
 * @param {string} root @param {readonly string[]} paths relative to root; one that is absent counts as empty
 */
export function digestFiles(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of filesUnder(join(root, path)).sort()) hash.update(`${relative(root, file)}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name === 'node_modules' || entry.name === 'dist') return [];
      const child = join(path, entry.name);
      return entry.isDirectory() ? filesUnder(child) : entry.isFile() ? [child] : [];
    });
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOTDIR' ? [path] : [];
  }
}
