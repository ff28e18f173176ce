// `ruth rules test` as it is run: over a short clip with real models, over kept looks, and with what it must refuse.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { loadImage } from '@napi-rs/canvas';
import { CoreEvent, validator } from '@ruth/protocol';
import { photoStrip } from '../src/demo/photo-clip.ts';
import { transcode } from '../src/demo/transcode.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const event = validator(CoreEvent);
let folder: string;

const SETTINGS = `
cameras:
  - id: wall
    url: rtsp://127.0.0.1/wall
    zones: [{id: all, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}]
  - {id: other, url: 'rtsp://127.0.0.1/other'}
rules:
  - {id: someone, camera: wall, when: 'at least 1 person in zone all for 1 s between 22:00 and 06:00 then event "someone" severity high', time_zone: UTC}
`;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ruth-rules-test-'));
  writeFileSync(join(folder, 'ruth.yaml'), SETTINGS);
  // People who stand still for two seconds.
  const filter = 'crop=740:156:540:1,scale=-2:360:out_range=tv,setsar=1,format=yuv420p,loop=loop=-1:size=1,setpts=N/5/TB,fps=5,trim=end_frame=10';
  await transcode(photoStrip(), join(folder, 'clip.mp4'), { log: () => undefined, filter, framesPerSecond: 5, durationS: 2 });
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function rules(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...await promisify(execFile)(process.execPath, [MAIN, 'rules', 'test', ...parameters], { cwd: folder, env: { ...process.env, TZ: 'UTC' } }) };
  } catch (cause) {
    const { code, stdout, stderr } = cause as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

test('a clip becomes looks of detector and pose model, tracks, and the alert of a rule; from kept looks the same comes again', async () => {
  const { code, stdout, stderr } = await rules('clip.mp4', 'ruth.yaml', '--at', '2026-03-06T23:00:00Z', '--json', '--tracks', '--picture', 'events.png', '--save-looks', 'looks.jsonl.gz');
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  const { summary } = lines.pop() as { summary: { alerts: number; looks: number; failed_looks: number; events: Record<string, number> } };
  assert.deepEqual([summary.looks, summary.failed_looks, summary.alerts], [20, 0, 1]);
  const events = lines.map((line) => event.parse(line));
  assert.ok(events.every(({ id }, index) => index === 0 || id > events[index - 1]!.id));
  const raised = events.find((each) => each.type === 'alert.raised');
  assert.ok(raised?.type === 'alert.raised' && raised.severity === 'high' && raised.tracks.length > 0);
  assert.ok(Math.abs(raised.captured_at - Date.parse('2026-03-06T23:00:01Z') / 1000) < 0.5, String(raised.captured_at));
  assert.ok(events.some(({ type }) => type === 'posture'), 'the pose model read the bodies of the detector\'s tracks');
  assert.ok((await loadImage(join(folder, 'events.png'))).width > 500);

  const again = await rules('looks.jsonl.gz', 'ruth.yaml', '--camera', 'wall', '--json', '--tracks');
  const kinds = (text: string): string[] => text.trim().split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { type: string }).type);
  assert.deepEqual(kinds(again.stdout), kinds(stdout));
  const read = await rules('looks.jsonl.gz', 'ruth.yaml');
  assert.match(read.stdout, /0:01\.\d {2}!! someone \(high, rule someone\): person \d+.* at least 1 person in zone "all" for 1 s\n/);
  assert.match(read.stderr, /judge .*20 looks, 0 failed/);
});

test('looks that failed are said, and end with an error: what was not looked at is not "nothing happened"', async () => {
  const look = (index: number, error: string | null): object => ({
    camera_id: 'x', model_id: 'finder', frame_id: index, captured_at: 1772791200 + index / 5, pts_us: index * 200_000, epoch: 0, width: 64, height: 48,
    detections: error === null ? [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.4, 0.2, 0.5, 0.8] }] : [], metadata: {}, error, error_code: error === null ? null : 'inference_failed',
  });
  const head = { clip: 'day', begins_at: 1772791200, models: { finder: { detects: true, keypoint_names: [] } } };
  writeFileSync(join(folder, 'failed.jsonl'), [head, ...Array.from({ length: 20 }, (_, index) => look(index, null)), look(20, 'out of memory')].map((line) => JSON.stringify(line)).join('\n'));
  const { code, stdout, stderr } = await rules('failed.jsonl', 'ruth.yaml');
  assert.equal(code, 1);
  assert.match(stdout, /enters zone all[^]*events, 0 of them alerts/, 'by day a rule of the night says nothing');
  assert.match(stderr, /1 of 21 looks failed, so events may be missing: out of memory/);
});

test('what cannot be tried is refused with what would be right', async () => {
  writeFileSync(join(folder, 'text.mp4'), 'no video');
  writeFileSync(join(folder, 'broken.jsonl'), '{"clip": ');
  writeFileSync(join(folder, 'two.yaml'), 'cameras: [{id: a, url: "rtsp://h/1"}, {id: b, url: "rtsp://h/2"}]\n');
  writeFileSync(join(folder, 'wrong.yaml'), SETTINGS.replace('in zone all', 'in zone al'));
  for (const [parameters, message] of [
    [['text.mp4', 'ruth.yaml'], /text\.mp4 cannot be read as a video/],
    [['clip.mp4', 'wrong.yaml'], /wrong\.yaml:8:\d+: rules\.0\.when: there is no zone "al" at this camera; its zones: all/],
    [['clip.mp4', 'two.yaml'], /which camera\? Give --camera; known: a, b/],
    [['broken.jsonl', 'ruth.yaml'], /broken\.jsonl:1 is no JSON/],
  ] as const) {
    const { code, stderr } = await rules(...parameters);
    assert.equal(code, 1, parameters.join(' '));
    assert.match(stderr, message);
  }
});
