// The dashboard and the alerts that are handed out ask for metrics that there are: docs/metrics.md, which another test compares with a real scrape.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Panel { readonly id: number; readonly type: string; readonly title: string; readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }; readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[] }
const dashboard = JSON.parse(read('deploy/grafana/ruth-node.json')) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly { readonly query: unknown }[] } };
const alerts = (parse(read('deploy/prometheus/ruth-alerts.yaml')) as { readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string; readonly annotations: { readonly summary: string } }[] }[] })
  .groups.flatMap(({ rules }) => rules);

/** Each metric that there is, with its labels; a histogram's series by their own names. */
const documented = new Map<string, readonly string[]>([...read('docs/metrics.md').matchAll(/^\| `(ruth_\w+)` \| (\w+) \| ([^|]*) \|/gm)].flatMap(([, name = '', type, labels]): [string, readonly string[]][] => {
  const known = labels!.trim() === '-' ? [] : labels!.split(',').map((label) => label.trim());
  return type === 'histogram' ? [[`${name}_bucket`, [...known, 'le']], [`${name}_count`, known], [`${name}_sum`, known]] : [[name, known]];
}));

function checkExpression(expression: string, where: string): void {
  const asked = [...expression.matchAll(/(ruth_\w+)(?:\{([^}]*)\})?/g)];
  assert.ok(asked.length > 0, `${where} asks for no metric`);
  for (const [, name, selectors = ''] of asked) {
    const labels = documented.get(name!);
    assert.ok(labels, `${where} asks for ${name}, which is not in docs/metrics.md`);
    for (const [, label] of selectors.matchAll(/(\w+)\s*[=!]/g)) assert.ok(labels.includes(label!), `${where}: ${name} has no label ${label}`);
  }
}

test('every panel asks for metrics and labels that there are, and none lies on another', () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, type, targets = [] } of panels) {
    assert.ok(type === 'row' || targets.length > 0, `${title} shows nothing`);
    for (const { expr, legendFormat } of targets) {
      checkExpression(expr, title);
      const given = [...expr.matchAll(/ruth_\w+/g)].flatMap(([name]) => documented.get(name) ?? []);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(given.includes(label!), `${title}: the legend names ${label}`);
    }
  }
  for (const { query } of dashboard.templating.list) if (typeof query === 'object') checkExpression((query as { query: string }).query, 'a variable');
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, cell) => `${x + cell % w},${y + Math.floor(cell / w)}`));
  assert.equal(new Set(cells).size, cells.length, 'panels overlap');
});

test('every alert asks for metrics and labels that there are, and its text names only those', () => {
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
  for (const { alert, expr, annotations } of alerts) {
    checkExpression(expr, alert);
    const given = [...expr.matchAll(/ruth_\w+/g)].flatMap(([name]) => documented.get(name) ?? []);
    for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) assert.ok(given.includes(label!), `${alert} names ${label}`);
  }
});
