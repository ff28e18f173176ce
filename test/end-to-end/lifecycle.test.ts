// What a user must be able to rely on: everything that was started ends, however it ends, and one part's end is not another's.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import type { CameraStatus, Look } from '@ruth/protocol';
import { commandLine, RunningRuth } from './running-ruth.ts';

const looked = (ruth: RunningRuth, model: string) => async (): Promise<Look | undefined> =>
  (await ruth.get<Look[]>('/api/v1/detections/latest?camera=demo')).find((look) => look.model_id === model && look.error === null && look.detections.length > 0);

const published = async (ruth: RunningRuth): Promise<CameraStatus> => (await ruth.get<CameraStatus[]>('/api/v1/cameras'))[0]!;

function processOf(ruth: RunningRuth, part: string): number {
  const pid = ruth.descendants().find((id) => commandLine(id).includes(part));
  assert.ok(pid, `no process for ${part}`);
  return pid;
}

test('the demo detects people and poses, and Ctrl-C leaves no socket, no shared memory and no process', async () => {
  await using ruth = await RunningRuth.start(['demo']);
  await ruth.until('a person', looked(ruth, 'centernet-coco'));
  await ruth.until('a pose', looked(ruth, 'movenet-lightning'));
  const pids = ruth.descendants();
  // A model is untrusted code: what the server alone may know is not in its environment.
  const containers = pids.filter((pid) => commandLine(pid).includes('packages/container'));
  assert.ok(containers.length >= 2);
  assert.deepEqual(containers.filter((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes('RUTH_ADMIN_TOKEN')), []);
  assert.ok(pids.length >= 7, `only ${pids.length} processes`);
  await ruth.stop('SIGINT');
  assert.deepEqual(ruth.leftovers(pids), []);
  assert.equal(ruth.child.exitCode, 0);
});

test('a node of which one process after another is killed', async (t) => {
  await using ruth = await RunningRuth.start(['demo']);
  await ruth.until('a person', looked(ruth, 'centernet-coco'));

  await t.test('the death of a container, of core or of the server costs the kernel nothing, and each comes back', async () => {
    const before = await published(ruth);
    for (const part of ['container/src/container-main.ts', 'core/src/main.ts', 'server/src/main.ts']) {
      const pid = processOf(ruth, part);
      process.kill(pid, 'SIGKILL');
      await ruth.until(`another ${part}`, async () => ruth.descendants().some((id) => id !== pid && commandLine(id).includes(part)));
      const sinceSeconds = Date.now() / 1000;
      await ruth.until(`detections after the death of ${part}`, async () => { const look = await looked(ruth, 'centernet-coco')(); return look && look.captured_at > sinceSeconds; });
    }
    const after = await published(ruth);
    assert.equal(after.pid, before.pid, 'the ingest process was touched');
    assert.equal(after.counters.reconnects, before.counters.reconnects);
    assert.ok(after.counters.packets > before.counters.packets);
  });

  await t.test('the kernel comes back after a kill -9, and detections with it', async () => {
    const ingest = (await published(ruth)).pid!;
    process.kill(processOf(ruth, 'kernel/src/main.ts'), 'SIGKILL');
    const sinceSeconds = Date.now() / 1000;
    await ruth.until('detections again', async () => { const look = await looked(ruth, 'centernet-coco')(); return look && look.captured_at > sinceSeconds; });
    assert.notEqual((await published(ruth)).pid, ingest);
  });

  await t.test('a kill -9 of the supervisor ends everything within 5 s and leaves nothing', async () => {
    const pids = ruth.descendants();
    await ruth.stop('SIGKILL');
    for (let waitedMs = 0; waitedMs < 5000 && ruth.leftovers(pids).length > 0; waitedMs += 50) await delay(50);
    assert.deepEqual(ruth.leftovers(pids), []);
  });
});
