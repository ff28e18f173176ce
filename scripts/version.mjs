// The version stands in the root's package.json, and from there everywhere else: packages and what they need of one another,
// package-lock.json, the chart, the image's name. `npm version 0.4.0 --no-git-tag-version` calls this; docs/releasing.md.
//   npm run version [-- --check]   writes what differs; --check only lists it, and fails then
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @param {string} text of a package.json, or of package-lock.json from its first workspace on */
const ofRuth = (text) => text.replace(/("@ruth\/[a-z]+": )"\d[^"]*"/g, `$1"${version}"`);
/** @type {Record<string, (text: string) => string>} */
const places = {
  'package.json': ofRuth,
  ...Object.fromEntries(globSync('packages/*/package.json', { cwd: root }).map((file) => [file, (text) => ofRuth(text).replace(/^ {2}"version": "[^"]*"/m, `  "version": "${version}"`)])),
  'package-lock.json': (text) => ofRuth(text).replace(/^ {2}"version": "[^"]*"/m, `  "version": "${version}"`)
    .replace(/^( {4}"(?:packages\/[a-z]+)?": \{\n(?: {6}"name": "[^"]*",\n)? {6}"version": )"[^"]*"/gm, `$1"${version}"`),
  'packages/client/openapi.json': (text) => text.replace(/^ {2}"version": "[^"]*"/m, `  "version": "${version}"`),
  'deploy/helm/ruth/Chart.yaml': (text) => text.replace(/^((?:appVersion|version): ).*$/gm, `$1${version}`),
  'deploy/docker/compose.yaml': (text) => text.replace(/\bruth:\d\S*/g, `ruth:${version}`),
  'deploy/docker/Dockerfile': (text) => text.replace(/\bruth:\d\S*/g, `ruth:${version}`),
};
const checked = process.argv.includes('--check');
for (const [file, written] of Object.entries(places)) {
  const text = readFileSync(join(root, file), 'utf8');
  if (written(text) === text) continue;
  console.log(checked ? `${file} does not say ${version}: npm run version` : `${file}: ${version}`);
  if (checked) process.exitCode = 1;
  else writeFileSync(join(root, file), written(text));
}
