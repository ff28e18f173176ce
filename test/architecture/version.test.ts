// One version: what the root's package.json says, every package, image, chart, description and the `ruth` command say too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '../..');
const text = (file: string): string => readFileSync(join(root, file), 'utf8');
interface Manifest { version?: string, dependencies?: Record<string, string> }
const manifest = (file: string): Manifest => JSON.parse(text(file)) as Manifest;
const ofRuth = ({ version, dependencies = {} }: Manifest): (string | undefined)[] => [version, ...Object.entries(dependencies).filter(([name]) => name.startsWith('@ruth/')).map(([, wanted]) => wanted)];

test('the version is the same wherever one stands', () => {
  const { version } = manifest('package.json');
  assert.match(version ?? '', /^\d+\.\d+\.\d+$/);
  const chart = parse(text('deploy/helm/ruth/Chart.yaml')) as { version: string, appVersion: string };
  const compose = parse(text('deploy/docker/compose.yaml'), { merge: true }) as { services: Record<string, { image: string }> };
  const lock = JSON.parse(text('package-lock.json')) as Manifest & { packages: Record<string, Manifest> };
  const said = {
    ...Object.fromEntries(globSync('{package.json,packages/*/package.json}', { cwd: root }).map((file) => [file, ofRuth(manifest(file))])),
    'package-lock.json': [lock.version, ...Object.entries(lock.packages).filter(([path]) => path === '' || /^packages\/[a-z]+$/.test(path)).flatMap(([, one]) => ofRuth(one))],
    'Chart.yaml': [chart.version, chart.appVersion],
    'compose.yaml': Object.values(compose.services).map(({ image }) => image.replace('ruth:', '')),
    Dockerfile: [/-t ruth:(\S+)/.exec(text('deploy/docker/Dockerfile'))?.[1]],
    'openapi.json': [(JSON.parse(text('packages/client/openapi.json')) as { info: { version: string } }).info.version],
    'ruth --version': [execFileSync(process.execPath, [join(root, 'packages/cli/bin/ruth.js'), '--version'], { encoding: 'utf8' }).trim()],
    'the newest in CHANGELOG.md': [/^## (\S+)/m.exec(text('CHANGELOG.md'))?.[1]],
  };
  const other = Object.entries(said).filter(([, versions]) => versions.length === 0 || versions.some((one) => one !== version));
  assert.deepEqual(other, [], `not everywhere ${version}: npm run version puts that right, but for CHANGELOG.md`);
});
