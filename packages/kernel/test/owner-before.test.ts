import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RecordingGap } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { Archive } from '../src/record/archive/index.ts';
import { alsoKnown, bootId, ownerText, whyEnded, type EndFacts } from '../src/record/archive/owner-before.ts';

const S = 1e6;
const facts = (over: Partial<EndFacts> = {}): EndFacts => ({ ownerBefore: '4711 this-boot', bootIdNow: 'this-boot', bootedUs: 0, seen: null, ...over });

test('a machine that was started anew since says so, and how long it was away where its clock tells', () => {
  const later = facts({ ownerBefore: '4711 boot-before', bootedUs: 1240 * S });
  assert.equal(whyEnded(1000 * S, later).cause, 'machine_off');
  assert.match(whyEnded(1000 * S, later).message!, /it ran again 4 minutes later/);
  assert.doesNotMatch(whyEnded(2000 * S, later).message!, /later/, 'a clock that was ahead tells nothing');
});

test('on the same boot, or where that is not known, the process ended; what its supervisor saw is said', () => {
  assert.deepEqual(whyEnded(1000 * S, facts()), { cause: 'process_died', message: 'the kernel ended without being stopped' });
  assert.deepEqual(whyEnded(1000 * S, facts({ seen: 'killed by SIGKILL' })), { cause: 'process_died', message: 'the kernel ended without being stopped: killed by SIGKILL' });
  for (const unknown of [facts({ ownerBefore: '4711' }), facts({ ownerBefore: '' }), facts({ ownerBefore: '4711 boot-before', bootIdNow: null })]) assert.equal(whyEnded(1000 * S, unknown).cause, 'process_died');
});

test('of Ruth that was stopped in order is added, once, that the machine was started anew', () => {
  const gap = { startUs: 1000 * S, endUs: null, cause: 'stopped', message: 'Ruth was stopped' } as const;
  assert.equal(alsoKnown(gap, facts()), null);
  const more = alsoKnown(gap, facts({ ownerBefore: '4711 boot-before' }));
  assert.equal(more, 'Ruth was stopped; this machine was started anew meanwhile');
  assert.equal(alsoKnown({ ...gap, message: more }, facts({ ownerBefore: '4711 boot-before' })), null);
  assert.equal(alsoKnown({ ...gap, cause: 'camera_down' }, facts({ ownerBefore: '4711 boot-before' })), null, 'what is wrong with a camera is another matter');
});

test('who has the folder writes of itself what the next one needs, and that one tells it of the gap that is left', { skip: bootId() === null && 'this system does not tell its boots apart' }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-owner-'));
  const gaps: RecordingGap[] = [];
  const open = (): Promise<Archive> => Archive.open({
    settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null }, logger: createLogger('kernel', 'silent'),
    onEvent: (event) => { if (event.type === 'recording.gap') gaps.push(event.gap); },
  });
  try {
    const archive = await open();
    const camera = archive.camera({ id: 'door', recording: { active: true, maxAgeDays: null, maxBytes: null } });
    await camera.end('Ruth was stopped');
    await archive[Symbol.asyncDispose]();
    assert.equal(readFileSync(join(directory, '.lock'), 'utf8'), ownerText());
    await (await open())[Symbol.asyncDispose]();
    assert.deepEqual(gaps.map(({ message }) => message), ['Ruth was stopped']);
    writeFileSync(join(directory, '.lock'), '4711 another-boot');
    await (await open())[Symbol.asyncDispose]();
    assert.deepEqual(gaps.map(({ message }) => message), ['Ruth was stopped', 'Ruth was stopped; this machine was started anew meanwhile']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
