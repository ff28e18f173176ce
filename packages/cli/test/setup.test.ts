// Set-up itself (scripts/setup.mjs), in a small clone of its own: no packages, no models, and a page whose build waits
// until the test lets it end.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const BUILD = `
import { appendFileSync, existsSync, mkdirSync, watch, writeFileSync } from 'node:fs';
process.chdir('../..');
appendFileSync('builds.log', 'built\\n');
if (existsSync('broken')) throw new Error('the page is broken');
const end = () => {
  if (!existsSync('go')) return;
  mkdirSync('packages/web/dist', { recursive: true });
  writeFileSync('packages/web/dist/index.html', '');
  process.exit(0);
};
watch('.', end);
end();
`;

async function smallClone(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ruth-clone-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const worker = 'node_modules/mediasoup/worker/out/Release';
  for (const path of ['models', 'node_modules/.bin', 'packages/web', worker]) await mkdir(join(folder, path), { recursive: true });
  await symlink(process.execPath, join(folder, 'node_modules/.bin/node'));
  for (const path of ['setup.mjs', 'setup']) await cp(join(root, 'scripts', path), join(folder, 'scripts', path), { recursive: true });
  // It is there: making it takes minutes.
  await writeFile(join(folder, worker, 'mediasoup-worker'), '');
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'clone', workspaces: ['packages/*'] }));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages: { '': {} } }));
  await writeFile(join(folder, 'packages/web/package.json'), JSON.stringify({ name: 'web', type: 'module', scripts: { build: 'node build.js' } }));
  await writeFile(join(folder, 'packages/web/build.js'), BUILD);
  return folder;
}

interface SetUp { readonly process: ChildProcess; says(text: string): Promise<void>; readonly ended: Promise<{ status: number | null; output: string }> }

function setUp(folder: string): SetUp {
  const child = spawn(process.execPath, ['scripts/setup.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<{ status: number | null; output: string }>((resolve) => child.on('close', (status) => resolve({ status, output })));
  return {
    process: child, ended,
    says: (text) => Promise.race([
      new Promise<void>((resolve) => {
        const look = (): void => { if (output.includes(text)) resolve(); };
        waiting.add(look);
        look();
      }),
      ended.then(() => assert.ok(output.includes(text), `ended without saying ${JSON.stringify(text)}:\n${output}`)),
    ]),
  };
}

const letEnd = (folder: string): Promise<void> => writeFile(join(folder, 'go'), '');
const builds = async (folder: string): Promise<number> => (await readFile(join(folder, 'builds.log'), 'utf8')).trim().split('\n').length;

test('Set-up does what is missing, and nothing when run again', async (t) => {
  const folder = await smallClone(t);
  await letEnd(folder);
  const first = await setUp(folder).ended;
  assert.equal(first.status, 0, first.output);
  assert.match(first.output, /✓ page: built {2}[\d.]+ s\n✓ set up/);
  assert.match((await setUp(folder).ended).output, /^✓ set up already/);
  assert.equal(await builds(folder), 1);
  await writeFile(join(folder, 'packages/web/page.js'), '// a new source');
  assert.match((await setUp(folder).ended).output, /✓ page: built/);
  assert.equal(await builds(folder), 2);
});

test('Two set-ups at once work one after the other, and the second finds all done', async (t) => {
  const folder = await smallClone(t);
  const first = setUp(folder);
  await first.says('page: building');
  const second = setUp(folder);
  await second.says(`another set-up (process ${first.process.pid}) is at work here`);
  await letEnd(folder);
  assert.match((await first.ended).output, /✓ page: built/);
  assert.match((await second.ended).output, /✓ set up already/);
  assert.equal(await builds(folder), 1);
});

test('A set-up that was killed does not keep the next one from its work', async (t) => {
  const folder = await smallClone(t);
  const first = setUp(folder);
  await first.says('page: building');
  const second = setUp(folder);
  await second.says('another set-up');
  first.process.kill('SIGKILL');
  await second.says('page: building');
  await letEnd(folder);
  assert.match((await second.ended).output, /✓ page: built/);
});

test('A failed step ends set-up with what the command said and the one command that helps', async (t) => {
  const folder = await smallClone(t);
  await writeFile(join(folder, 'broken'), '');
  const { status, output } = await setUp(folder).ended;
  assert.equal(status, 1);
  assert.match(output, /✗ page[^]*the page is broken[^]*Set-up cannot go on: the page cannot be built\.\nWhat helps:\n\n {2}npm run build -w packages\/web\n/);
});

test('A lock file that is missing is said, not guessed', async (t) => {
  const folder = await smallClone(t);
  await rm(join(folder, 'package-lock.json'));
  const { status, output } = await setUp(folder).ended;
  assert.equal(status, 1);
  assert.match(output, /package-lock\.json is missing or no JSON\.\nWhat helps:\n\n {2}git checkout package-lock\.json/);
});
