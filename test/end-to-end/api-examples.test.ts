// Every curl example of docs/api.md, run as it stands there, one after the other, by curl itself against a node that records.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SystemHealth, Timeline, Verification } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { curlExamples } from '../../packages/server/test/curl-examples.ts';
import { RunningRuth } from './running-ruth.ts';

const skip = noCamera || (spawnSync('curl', ['--version']).status === 0 ? false : 'curl is missing: apt-get install curl');
/** Seconds after the beginning of the recording that the instants of the examples stand for; null: before it. */
const INSTANTS: Readonly<Record<string, number | null>> = { '1767600000': 1, '1767600060': 4, '1767610000': 60, '1767603600.5': null, '<recording_at>': 2 };
/** What they answer here: nobody knows the password; nothing is fetched yet, or cannot be; one job at a time; no site. All others do what they say. */
const OTHERWISE: readonly [part: string, status: RegExp][] = [['"password":"..."', /^401$/], ['-b cookies', /^401$/], ['yolox_tiny/rollback', /^40[49]$/], ['"source":"upload:', /^(202|409)$/], ['/site/nodes/', /^409$/]];
/** Shown by tests of their own, in their time: five seconds of a camera, a search of the network. */
const ELSEWHERE = ['cameras/probe', 'cameras/discover'];

test('every curl example of docs/api.md does what it says, in the order in which they stand', { skip }, async () => {
  await using clips = await Clips.open();
  const clip = await clips.make('clip.mp4', { seconds: 120 });
  await using camera = await RealCamera.start({ door: launch.h264(clip) });
  const url = camera.url('door');
  const recording = { directory: 'recordings', segment_s: 2, min_free_gb: 0 };
  await using ruth = await RunningRuth.start(['up'], { recording, models: [{ id: 'centernet-coco' }], subscriptions: [], cameras: [{ id: 'door', url }, { id: 'yard', url }], live: { webrtc: { active: false } } });
  const timelineOf = (id: string): Promise<Timeline> => ruth.get<Timeline>(`/api/v1/cameras/${id}/timeline?start=1&end=${Date.now() / 1000 + 60}`);
  const startS = await ruth.until('both cameras are recorded for six seconds', async () => {
    const both = await Promise.all(['door', 'yard'].map(timelineOf));
    const beganS = Math.ceil(Math.max(...both.map(({ oldest }) => oldest ?? Infinity)));
    return both.every(({ newest }) => newest !== null && newest > beganS + 6) && beganS;
  });
  const folder = mkdtempSync(join(tmpdir(), 'ruth-curl-'));
  writeFileSync(join(folder, 'my-model.onnx'), 'no model');
  const told = new Map<string, string>();
  const answers: string[] = [];
  const wrong: string[] = [];
  try {
    for (const example of curlExamples.filter((one) => ELSEWHERE.every((part) => !one.includes(part)))) {
      // The node has the camera already: the one that is added, and removed, is another.
      const ofOwn = /"id":"door"|-X DELETE \S+\/cameras\/door$/.test(example) ? example.replace('door', 'gate') : example;
      let command = ofOwn.replaceAll('$T', `authorization: ${ruth.headers.authorization}`).replaceAll('http://127.0.0.1:8080', ruth.url.replace(/\/$/, '')).replace('rtsp://user:password@192.168.1.20/stream1', url);
      for (const [written, afterS] of Object.entries(INSTANTS)) command = command.replaceAll(written, String(startS + (afterS ?? -600)));
      for (const [name, value] of told) command = command.replaceAll(`<${name}>`, value);
      const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
        execFile('bash', ['-c', command.replace(/^curl/, "curl -sS -m 60 -w '\\n%{http_code}'")], { cwd: folder }, (_error, output) => resolve({ stdout: output }));
      });
      for (const [, name, value] of stdout.matchAll(/"(export_id|job_id|upload_id|verification_id)":"([^"]+)"/g)) told.set(name!, value!);
      const status = stdout.trim().split('\n').at(-1)!;
      const expected = OTHERWISE.find(([part]) => example.includes(part))?.[1] ?? /^20[0-4]$/;
      if (!expected.test(status)) wrong.push(`${example}: ${stdout.slice(0, 400)}`);
      answers.push(stdout);
      // A file is asked for when it is there.
      if (example.includes('/api/v1/exports') && example.includes('-d')) await ruth.until('the export is done', async () => (await ruth.get<{ state: string }>(`/api/v1/exports/${told.get('export_id')}`)).state === 'done');
    }
    assert.deepEqual(wrong, []);
    assert.ok(answers.some((text) => text.startsWith('{"cameras":{"door":[true,false],"yard":[true]}}')), 'what is recorded is told as that');
    for (const [file, magic] of [['fall.jpg', 'ffd8ff'], ['now.jpg', 'ffd8ff'], ['door.mp4', '66747970']] as const) assert.ok(readFileSync(join(folder, file)).subarray(0, 16).toString('hex').includes(magic), file);
    await ruth.until('the recordings are looked through', async () => (await ruth.get<Verification>(`/api/v1/verifications/${told.get('verification_id')}`)).state === 'done');
    assert.equal((await ruth.get<SystemHealth>('/api/v1/health')).status, 'ok');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
