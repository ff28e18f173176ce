// mediasoup's worker, without which live video goes over MSE alone. It is downloaded by mediasoup's own installer; where that
// cannot be, it is built from the package's source with Debian's packages, which takes minutes. What was got once is kept outside
// the clone. It gets to its place in one rename, so that whoever finds it there finds it whole.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from './command.mjs';
import { holdLock } from './lock.mjs';
import { digestFiles } from './stamp.mjs';

const RECIPE = 'scripts/setup/mediasoup-worker';
const BUILD_PACKAGES = ['g++', 'meson', 'ninja-build', 'pkg-config', 'libuv1-dev', 'libssl-dev', 'libsrtp2-dev', 'libflatbuffers-dev', 'flatbuffers-compiler', 'libabsl-dev'];
const DOWNLOAD_LIMIT_MS = 60_000;
/** What the worker answers to whoever starts it by hand: it runs here. */
const NOT_MY_FATHER = 41;

/**
 * Makes it, however long that takes. Gives what was done; null where it was there already. Where it cannot be made, that is no
 * failure of set-up: the line says what is missing and what helps.
 * @param {string} root @param {import('./progress.mjs').Report} report
 */
export async function prepareMediasoupWorker(root, report) {
  if (isReady(root)) return null;
  const kept = keptFile(root);
  mkdirSync(dirname(kept), { recursive: true });
  /** @type {string | null} */
  let done = null;
  await holdLock(dirname(kept), (owner) => report(`made by ${owner} already; waiting for it`), async () => {
    done = await make(root, kept, report);
  });
  return done;
}

/**
 * Has it made by a process of its own, at low priority, that outlives this one. Gives a line that says so; null where it is there.
 * @param {string} root
 */
export async function makeMediasoupWorkerMeanwhile(root) {
  if (isReady(root)) return null;
  const kept = keptFile(root);
  if (runsHere(kept)) {
    place(kept, root);
    return null;
  }
  mkdirSync(dirname(kept), { recursive: true });
  const log = join(dirname(kept), 'making.log');
  const output = openSync(log, 'w');
  spawn('nice', ['-n', '19', process.execPath, join(root, 'scripts/setup/mediasoup-worker-main.mjs')], { cwd: root, detached: true, stdio: ['ignore', output, output] }).on('error', () => undefined).unref();
  return `being made in the background, once (${log}); until then live video goes over MSE`;
}

/** @param {string} root @param {string} kept @param {import('./progress.mjs').Report} report */
async function make(root, kept, report) {
  let done = 'from the cache';
  if (!runsHere(kept)) {
    report('downloading');
    if (await download(root)) {
      keep(placeOf(root), kept);
      return 'downloaded';
    }
    const lacking = await installBuildPackages(root, report);
    if (lacking !== null) return lacking;
    const begun = Date.now();
    const failure = await build(root, kept, report);
    if (failure !== null) return failure;
    done = `built in ${Math.round((Date.now() - begun) / 1000)} s`;
  }
  place(kept, root);
  return done;
}

/** By mediasoup's own installer, which checks what it got. @param {string} root */
async function download(root) {
  const folder = join(root, 'node_modules/mediasoup');
  // Its own way of building needs pip and a network: with no Python to be found it gives up instead.
  const { status } = await runCommand('timeout', ['-k', '5', String(DOWNLOAD_LIMIT_MS / 1000), process.execPath, 'npm-scripts.mjs', 'postinstall'], { cwd: folder, env: { PYTHON: '/bin/false', MEDIASOUP_WORKER_BIN: '' } });
  if (status === 0 && runsHere(placeOf(root))) return true;
  rmSync(placeOf(root), { force: true });
  return false;
}

/** Null where all are there, else what to tell. @param {string} root @param {import('./progress.mjs').Report} report */
async function installBuildPackages(root, report) {
  let missing = missingPackages();
  if (missing === null) return `cannot be downloaded, and this is no Debian, where it could be built; live video goes over MSE (build it as ${RECIPE}/README.md says)`;
  if (missing.length === 0) return null;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) return `cannot be downloaded; live video goes over MSE. To have it built: sudo ${command} && npm run setup -- --for-tests`;
  const options = { cwd: root, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  report('apt-get update');
  await runCommand('apt-get', ['update', '-q'], options);
  report(`apt-get install ${missing.join(' ')}`);
  const { output } = await runCommand('apt-get', command.split(' ').slice(1), options);
  missing = missingPackages();
  if (missing?.length === 0) return null;
  return `cannot be built, ${missing?.join(', ')} missing (${output.split('\n').findLast((line) => /^[EW]:/.test(line)) ?? 'apt-get failed'}); live video goes over MSE`;
}

/** Null where it was built, else what to tell. @param {string} root @param {string} kept @param {import('./progress.mjs').Report} report */
async function build(root, kept, report) {
  report('compiling, once, for some minutes');
  const part = `${kept}.${process.pid}.part`;
  const { status, output } = await runCommand(join(root, RECIPE, 'build.sh'), [join(root, 'node_modules/mediasoup'), part, String(availableParallelism())], {
    cwd: root, onLine: (line) => { const step = /^\[(\d+\/\d+)\]/.exec(line)?.[1]; if (step) report(`compiling, ${step}`); },
  });
  if (status !== 0 || !runsHere(part)) {
    rmSync(part, { force: true });
    return `cannot be built; live video goes over MSE. The end of what the compiler said:\n${output.slice(-1500)}`;
  }
  renameSync(part, kept);
  return null;
}

/** One named by hand, or the one in mediasoup's own place. @param {string} root */
function isReady(root) { return existsSync(process.env.MEDIASOUP_WORKER_BIN || placeOf(root)); }

/** Where mediasoup looks for it. @param {string} root */
const placeOf = (root) => join(root, 'node_modules/mediasoup/worker/out/Release/mediasoup-worker');

/** Its name changes with mediasoup, with the recipe and with the machine's kind. @param {string} root */
function keptFile(root) {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/mediasoup/package.json'), 'utf8'));
  const cache = process.env.RUTH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ruth');
  return join(cache, 'mediasoup-worker', `${version}-${process.arch}-${digestFiles(root, [RECIPE]).slice(0, 12)}`);
}

/** @param {string} kept @param {string} root */
function place(kept, root) { keep(kept, placeOf(root)); }

/** @param {string} from @param {string} to */
function keep(from, to) {
  const part = `${to}.${process.pid}.part`;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, part);
  chmodSync(part, 0o755);
  renameSync(part, to);
}

/** A worker that was made elsewhere may lack its libraries here. @param {string} file */
function runsHere(file) { return existsSync(file) && spawnSync(file, [], { env: {}, stdio: 'ignore', timeout: 10_000 }).status === NOT_MY_FATHER; }

/** @returns {string[] | null} null where there is no dpkg */
function missingPackages() {
  const { status, error, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...BUILD_PACKAGES], { encoding: 'utf8' });
  if (error || status === null) return null;
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]));
  return BUILD_PACKAGES.filter((name) => !installed.has(name));
}
