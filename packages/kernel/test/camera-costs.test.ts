import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { processUsage } from '@ruth/transport';
import { CameraCosts } from '../src/control/camera-costs.ts';

test('what a process costs is evened out, told after half a minute, and anew only where it is off by a fifth; another process goes on from there', () => {
  let [nowS, cpuS] = [0, 5];
  const costs = new CameraCosts((pid) => (pid === 9 ? null : cpuS), () => nowS * 1000);
  const told: (number | null)[] = [];
  const run = (seconds: number, cores: number, pid: number | null = 1): number | null => {
    for (let second = 0; second < seconds; second += 2) {
      nowS += 2;
      cpuS += 2 * cores;
      told.push(costs.of('gate', pid));
    }
    return told.at(-1)!;
  };
  assert.equal(run(18, 3), null, 'what a process does to begin does not count');
  assert.equal(run(120, 0.123), 0.12);
  assert.equal(run(600, 0.13), 0.12, 'about the same is the same');
  const burst = run(10, 0.9)!;
  assert.ok(burst > 0.12 && burst < 0.3, `a burst moves it a little: ${burst}`);
  assert.ok(run(600, 0.5)! > 0.4);
  const before = told.at(-1)!;
  assert.equal(run(20, 4, 2), before, 'another process begins');
  assert.equal(run(30, 0, null), before, 'or none runs');
  assert.equal(costs.of('gate', 9), before, 'it is gone');
  assert.ok(new Set(told).size < 12, `${new Set(told).size} different numbers were told`);
});

test('the CPU time of a process grows as it works, and is null where there is none', async () => {
  const child = spawn(process.execPath, ['-e', 'for (;;) Math.random()'], { stdio: 'ignore' });
  try {
    const began = processUsage(child.pid!)!.cpuS;
    for (const endsAt = Date.now() + 60_000; processUsage(child.pid!)!.cpuS < began + 0.3; await delay(20)) assert.ok(Date.now() < endsAt, 'no time was counted');
  } finally {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  assert.equal(processUsage(child.pid!), null);
});
