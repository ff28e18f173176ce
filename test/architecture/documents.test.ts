// What documents say of one another and of settings: every link leads to a file and a heading that are there, and README's settings are taken.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { parseSettings } from '@ruth/protocol';

const root = resolve(import.meta.dirname, '../..');
const documents = globSync('{*.md,docs/**/*.md,examples/*/*.md,deploy/**/*.md}', { cwd: root }).filter((file) => !file.includes('node_modules'));
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

/** As GitHub names headings. */
function anchorsOf(file: string): Set<string> {
  const headings = [...text(file).replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => heading!);
  return new Set(headings.map((heading) => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

test('every link of a document leads to a file, and a heading, that are there', () => {
  const links = documents.flatMap((file) => [...text(file).replaceAll(/^```[^]*?^```/gm, '').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link]) => ({ file, link: link! })));
  assert.ok(links.length > 100, `only ${links.length} links`);
  const dead = links.filter(({ file, link }) => {
    const [path, anchor] = link.split('#') as [string, string?];
    const target = path === '' ? file : relative(root, resolve(root, dirname(file), path));
    return !existsSync(join(root, target)) || (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor));
  });
  assert.deepEqual(dead, []);
});

test('the settings that README shows are taken as they stand', () => {
  const examples = [...text('README.md').matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, yaml]) => parseSettings(yaml!, 'README.md'));
  assert.deepEqual(examples.map(({ cameras, rules, site }) => [cameras.length, rules.length, site?.node]), [[2, 1, undefined], [0, 0, 'north']]);
});

/** What is no settings begins so. Manifests: model-guide.test.ts and custom-models.test.ts; values of the chart: chart.test.ts. */
const OTHER_YAML = /^(#.*\n)*(model_id|scrape_configs|image):/;

test('the settings that the guides show are taken as they stand', () => {
  const guides = documents.filter((file) => /^docs\/[^/]+$/.test(file));
  const blocks = guides.flatMap((file) => [...text(file).matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, yaml]) => ({ file, yaml: yaml! }))).filter(({ yaml }) => !OTHER_YAML.test(yaml));
  assert.ok(blocks.length >= 12, `only ${blocks.length}`);
  for (const { file, yaml } of blocks) parseSettings(yaml, file);
});
