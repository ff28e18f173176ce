// How the wall clock of a node goes: against that of NATS, and by how much it was set.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isClockOff, type SiteClock } from '@ruth/protocol';
import { SiteStore } from '../src/index.ts';
import { ClockFile } from '../src/clock-file.ts';
import { differenceOf, NodeClock } from '../src/node-clock.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger, TestNode, until } from './site-run.ts';

const near = (one: number | undefined, other: number): void => assert.ok(one !== undefined && Math.abs(one - other) < 1e-6, `${one} is not ${other}`);

test('a clock is compared by the middle of question and answer, and may be wrong by half of what they were under way', () => {
  const { ahead_s: aheadS, within_s: withinS } = differenceOf({ sentS: 100, receivedS: 101, askedS: 130.4, answeredS: 130.9 });
  near(aheadS, 30.15);
  near(withinS, 0.25);
  assert.deepEqual([isClockOff({ ahead_s: 1.2, within_s: 0.25 }), isClockOff({ ahead_s: 1.2, within_s: 0.1 }), isClockOff({ ahead_s: -1.2, within_s: 0.1 })], [false, true, true]);
});

test('what a clock was set by is known, for what was dated before, and for how far it is from NATS now', () => {
  let [bootS, wallS] = [1000, 50_000];
  const pass = (seconds: number): void => { bootS += seconds; wallS += seconds; };
  const clock = new NodeClock(() => bootS, () => wallS);
  const ofNats = (): SiteClock | null => clock.ofNats;
  assert.equal(ofNats(), null, 'not measured yet');
  clock.look();
  pass(10);
  clock.stored({ sentS: wallS - 0.2, receivedS: wallS, storedS: wallS - 5.1 });
  near(ofNats()?.ahead_s, 5);
  near(ofNats()?.within_s, 0.1);
  pass(10);
  const beforeS = wallS;
  near(clock.setSince(beforeS), 0);
  pass(10);
  // NTP puts it right, and nobody has compared it since.
  wallS -= 5;
  near(ofNats()?.ahead_s, 0);
  pass(60);
  near(clock.setSince(beforeS), 5);
  near(clock.setSince(wallS - 30), 0);
  near(clock.setSince(0), 5);
});

test('a process that begins anew knows what the clock was set by before; nothing of that counts once the machine was started anew', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'ruth-clock-')), (path) => rm(path, { recursive: true, force: true }));
  const path = join(folder, 'data', 'site-clock.json');
  let [bootS, wallS] = [1000, 50_000];
  const pass = (seconds: number): void => { bootS += seconds; wallS += seconds; };
  const begin = async (boot: string): Promise<NodeClock> => {
    const file = new ClockFile(path, boot, logger);
    const clock = new NodeClock(() => bootS, () => wallS, file);
    await file.settled();
    return clock;
  };
  await begin('one');
  pass(10);
  const beforeS = wallS;
  pass(10);
  // While no process looks.
  wallS += 30;
  pass(10);
  near((await begin('one')).setSince(beforeS), 30);
  pass(100);
  const again = await begin('one');
  near(again.setSince(beforeS), 30);
  near(again.setSince(wallS - 50), 0);
  near((await begin('two')).setSince(beforeS), 0);
  await writeFile(path, '{"boot": "two", "offsets": [{}]}');
  near((await begin('two')).setSince(beforeS), 0);
});

test('a node says in its row how its clock stands against that of NATS', { skip: natsMissing() }, async () => {
  await using nats = await Nats.start();
  await using store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
  const port = Number(new URL(nats.url).port);
  await using _right = await TestNode.start('right', port);
  await using _ahead = await TestNode.start('ahead', port, {}, '/nonexistent', 5);
  const clockOf = async (id: string): Promise<SiteClock | undefined> => (await store.nodes.get(id))?.value?.clock;
  await until(async () => await clockOf('right') !== undefined && await clockOf('ahead') !== undefined, 'both have compared theirs');
  for (const [id, aheadS] of [['right', 0], ['ahead', 5]] as const) {
    const { ahead_s: saidS, within_s: withinS } = (await clockOf(id))!;
    // JetStream keeps times to a nanosecond, clocks here are read to a millisecond.
    assert.ok(Math.abs(saidS - aheadS) <= withinS + 0.002, `${id}: ${saidS} within ${withinS}`);
  }
});
