// Programs that the tests use as foreign cameras, clients and browsers. Ruth itself needs none of them; a test that
// misses one says so. Installed where that can be done without asking, otherwise the command is named.
import { runCommand } from './command.mjs';

const PACKAGES = [
  'chromium', 'ffmpeg', 'python3-gi', 'gir1.2-gst-rtsp-server-1.0',
  'gstreamer1.0-tools', 'gstreamer1.0-plugins-base', 'gstreamer1.0-plugins-good', 'gstreamer1.0-plugins-bad', 'postgresql', 'mosquitto', 'nats-server',
  'golang-go', 'golang-github-masterminds-sprig-dev', 'golang-k8s-sigs-yaml-dev',
];

/** @param {string} root @param {import('./progress.mjs').Report} report */
export async function installTestPackages(root, report) {
  const missing = await missingPackages(root);
  if (missing === null) return `not checked, this is no Debian; the tests use ${PACKAGES.join(', ')}`;
  if (missing.length === 0) return null;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) return `${missing.length} missing, some tests cannot run; to have them: sudo ${command}`;
  report('apt-get update');
  const options = { cwd: root, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await runCommand('apt-get', ['update', '-q'], options);
  report(`apt-get install ${missing.join(' ')}`);
  const { output } = await runCommand('apt-get', command.split(' ').slice(1), options);
  const left = await missingPackages(root);
  if (left !== null && left.length === 0) return missing.join(', ');
  const reason = output.split('\n').findLast((line) => /^[EW]:/.test(line)) ?? 'apt-get failed';
  return `${left?.join(', ')} missing (${reason}), some tests cannot run; to try again: apt-get update && ${command}`;
}

/** @param {string} root @returns {Promise<string[] | null>} null where there is no dpkg */
async function missingPackages(root) {
  /** @type {Set<string>} */
  const installed = new Set();
  const { missing } = await runCommand('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...PACKAGES], {
    cwd: root, onLine: (line) => { if (line.endsWith(' installed')) installed.add(line.split(' ')[0] ?? ''); },
  });
  return missing ? null : PACKAGES.filter((name) => !installed.has(name));
}
