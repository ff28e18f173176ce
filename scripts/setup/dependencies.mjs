// The npm packages that package-lock.json names, and with them Node 24. Compares what lies in node_modules with the lock
// file, package by package, and installs only where they differ.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { runCommand } from './command.mjs';
import { SetupError } from './progress.mjs';

// Install scripts of packages that would fetch programs which Ruth does not use, FFmpeg's own and CUDA's libraries, or one that
// set-up gets by itself (mediasoup-worker.mjs): mediasoup's fails, and the installation with it, where nothing can be fetched.
const INSTALL_ENVIRONMENT = { SKIP_FFMPEG: 'true', ONNXRUNTIME_NODE_INSTALL: 'skip', MEDIASOUP_WORKER_BIN: process.env.MEDIASOUP_WORKER_BIN || 'later' };
const COUNT_MS = 500;

/** @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockEntry */

/** @param {string} root @param {import('./progress.mjs').Report} report */
export async function installDependencies(root, report) {
  const wanted = readLock(join(root, 'package-lock.json'));
  if (wanted === null) throw new SetupError('package-lock.json is missing or no JSON', 'git checkout package-lock.json');
  /** @type {string | null} */
  let done = null;
  if (firstDifference(root, wanted) !== null) {
    await install(root, wanted, report);
    const left = firstDifference(root, wanted);
    if (left !== null) throw new SetupError(`npm did not install ${left}`, 'npm ci --include=optional --include=dev');
    done = `${wanted.size} packages`;
  }
  const version = ownNode(root);
  if (version === null) {
    report('repairing Node 24, whose install script did not run');
    const { output } = await npm(root, ['rebuild', 'node', '--ignore-scripts=false']);
    const repaired = ownNode(root);
    if (repaired === null) throw new SetupError('the package "node" is installed, but not the program Node 24 in it', 'npm rebuild node --ignore-scripts=false --foreground-scripts', output);
    return `Node ${repaired}`;
  }
  return done && `${done}, Node ${version}`;
}

/** @param {string} root @param {Map<string, LockEntry>} wanted @param {import('./progress.mjs').Report} report */
async function install(root, wanted, report) {
  const folders = [...wanted.keys()];
  const count = () => report(`npm ci, ${folders.filter((folder) => existsSync(join(root, folder))).length} of ${folders.length} packages`);
  report(`npm ci, ${folders.length} packages`);
  const timer = setInterval(count, COUNT_MS);
  const { status, output, missing } = await npm(root, ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional']);
  clearInterval(timer);
  if (missing) throw new SetupError('npm is not installed', 'install npm beside Node (Debian: apt-get install npm)');
  if (status === 0) return;
  throw new SetupError(...diagnose(output), output);
}

/** @param {string} output @returns {[string, string]} what is wrong, what helps */
function diagnose(output) {
  if (/EUSAGE|can only install packages when your package.json and package-lock.json/.test(output)) return ['package.json and package-lock.json do not agree', 'npm install'];
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET|ENETUNREACH/.test(output)) return ['npm cannot reach its registry', 'npm ping    (and when that answers: npm run setup)'];
  if (/ENOSPC/.test(output)) return ['the disk is full', 'df -h .    (1 GB is needed; then: npm run setup)'];
  if (/EACCES|EPERM/.test(output)) return ['npm may not write here', 'sudo chown -R "$(id -un)" .'];
  return ['npm ci failed', 'npm ci'];
}

/** npm as the machine has it: node_modules/.bin is taken from PATH, because npm ci removes that folder while it runs. */
function npm(/** @type {string} */ root, /** @type {string[]} */ parameters) {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith('node_modules/.bin')).join(delimiter);
  return runCommand('npm', parameters, { cwd: root, env: { ...INSTALL_ENVIRONMENT, PATH: path } });
}

/**
 * The first package that is not as the lock file wants it.
 * @param {string} root @param {Map<string, LockEntry>} wanted
 */
function firstDifference(root, wanted) {
  const installed = readLock(join(root, 'node_modules/.package-lock.json'));
  for (const [folder, { version, link }] of wanted) {
    const found = installed?.get(folder);
    if (!found || found.version !== version || Boolean(found.link) !== Boolean(link) || !existsSync(join(root, folder))) return folder.replace(/^.*node_modules\//, '');
  }
  return null;
}

/** What a lock file asks for on this machine, by folder; null where there is none. @param {string} file @returns {Map<string, LockEntry> | null} */
function readLock(file) {
  try {
    /** @type {{ packages: Record<string, LockEntry> }} */
    const { packages } = JSON.parse(readFileSync(file, 'utf8'));
    return new Map(Object.entries(packages).filter(([folder, entry]) => folder.includes('node_modules/') && (!entry.optional || isForThisMachine(entry))));
  } catch {
    return null;
  }
}

// Packages that name a libc are left out: telling musl from glibc costs more than this whole check.
function isForThisMachine(/** @type {LockEntry} */ { os, cpu, libc }) {
  return os?.includes(process.platform) === true && cpu?.includes(process.arch) === true && libc === undefined;
}

/** The version of node_modules' own Node, null where it does not run. @param {string} root */
function ownNode(root) {
  try {
    const version = execFileSync(join(root, 'node_modules/.bin/node'), ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().slice(1);
    return Number(version.split('.')[0]) >= 24 ? version : null;
  } catch {
    return null;
  }
}
