// What the demo says of its clip, held against what a person saw in it (expected.yaml, "plaza"): its zone, lines and rules on the looks that
// were kept of that clip.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SAMPLE_INTENT } from '../../packages/cli/src/demo/intent.ts';
import { judge, sampleClips } from './sample-clips.ts';

test('the demo tells who comes and goes by the west path, and who is on the lawn, as a person sees it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-demo-rules-'));
  try {
    const file = join(folder, 'ruth.yaml');
    const { scene, rules = [], subscriptions } = SAMPLE_INTENT;
    const lines = scene?.lines?.filter(({ id }) => id === 'west-path');
    writeFileSync(file, JSON.stringify({
      time_zone: 'UTC', cameras: [{ id: 'plaza', url: 'rtsp://127.0.0.1/plaza', ...scene, lines }], models: [{ id: 'centernet-coco' }],
      subscriptions: subscriptions.filter(({ regions }) => regions === undefined).map((subscription) => ({ camera: 'plaza', ...subscription })),
      rules: rules.filter(({ id }) => id === 'lawn').map((rule) => ({ camera: 'plaza', ...rule })),
    }));
    const plaza = sampleClips.clips.find(({ name }) => name === 'plaza')!;
    // Its line is drawn the other way: out is to the left.
    const crossings = plaza.events.filter(({ line }) => line === 'west').map((event) => ({ ...event, line: 'west-path', direction: event.direction === 'in' ? 'out' : 'in' }));
    // The two who come over the lawn from the lower right at 51.5, one of them hidden until 53.5.
    const events = [...crossings, ...[56, 58.5].map((at_s) => ({ type: 'alert.raised' as const, rule: 'lawn', at_s }))];
    const verdict = await judge({ ...plaza, events }, join(import.meta.dirname, 'looks/plaza.jsonl.gz'), file);
    assert.deepEqual(verdict, { clip: 'plaza', expected: events.length, found: events.length, missed: [], false: [], failedLooks: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
