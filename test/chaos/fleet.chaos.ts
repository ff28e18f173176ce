// Three nodes, twelve cameras, a NATS cluster of three, a PostgreSQL, and one fault after the other: processes killed and frozen, nodes dead, cut off from NATS or from the cameras,
// servers of NATS dead and frozen, the database away. One node has no server: its events come out of the site's stream alone. What all indexes together say then is held against the promise: no camera without a node for longer than ten
// seconds after a lease ended, no picture of a camera in two indexes (one whose node is cut off from it: as long as the site waits for that, and the same ten seconds); and what the cores emitted against what is in the database: each event once.
// RUTH_CHAOS_BLOWS (30) and RUTH_CHAOS_SEED repeat a run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { openStore as openDatabase, type StoreAddress } from '@ruth/server/store';
import { createLogger } from '@ruth/transport';
import { CLIP_FPS, hdClip } from '../../bench/hd-clip.ts';
import type { Bench } from '../../bench/runner.ts';
import { LEASE_TIMING, SiteStore } from '../../packages/fleet/src/index.ts';
import { Nats } from '../../packages/fleet/test/nats.ts';
import { postgresPrograms, startPostgres } from '../../packages/server/test/postgres.ts';
import { CameraNetwork } from './camera-network.ts';
import { ClipCamera } from './clip-camera.ts';
import { FleetNode, PARTS } from './fleet-node.ts';
import { numbersIn } from './numbered-source.ts';
import { seededRun } from './seeded-run.ts';
import { SteppedClock } from './stepped-clock.ts';

const NODES = 3;
const CAMERAS = 12;
const ALLOWED_S = LEASE_TIMING.leaseS + 10;
/** Of a camera that its node does not get: until that notices, and as long as it waits then; what follows is the same. */
const STALL_S = 10;
const ALLOWED_UNREACHED_S = STALL_S + LEASE_TIMING.unreachedS + ALLOWED_S;
const PATIENCE_MS = 60_000;
const TEND_EVERY_MS = 300;

/** `after`: number of the last picture before it. */
interface Gap { readonly after: number; readonly seconds: number }
interface Recorded { readonly node: string; readonly camera: string; readonly file: string; readonly endS: number }

export const bench: Bench = async (report) => {
  const { blows, seed, random } = seededRun(30);
  const clip = await hdClip(320, 240);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  report(`seed ${seed}`);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const nats = await Nats.cluster(NODES);
  for (const server of nats) stack.use(server);
  const network = CameraNetwork.make(NODES);
  if (network === null) report('no link to cameras is cut: network namespaces may not be made here');
  else stack.use(network);
  const camera = stack.use(await ClipCamera.start(clip.path, network?.address));
  const store = stack.use(await openStore(nats));
  const postgres = stack.use(await startPostgres(postgresPrograms() ?? (() => { throw new Error('PostgreSQL is missing: apt-get install postgresql'); })()));
  const ports = nats.map(({ url }) => Number(new URL(url).port));
  const nodes = await Promise.all(Array.from({ length: NODES }, (_, index) => FleetNode.start(`node-${index}`, join(folder, `node-${index}`), ports, index < NODES - 1 ? postgres.url : null, PARTS, SteppedClock.make(join(folder, `clock-${index}`)), network?.links[index])));
  const serving = nodes.slice(0, -1);
  if (SteppedClock.make(join(folder, 'clock')) === null) report('no clock is stepped: apt-get install faketime');
  const tending = setInterval(() => { for (const node of nodes) node.tend(); }, TEND_EVERY_MS);
  stack.defer(async () => {
    clearInterval(tending);
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  });

  const recordedBy = (atS: number): number => new Set(nodes.flatMap((node) => readIndex(node)).filter(({ endS }) => endS > atS).map(({ camera: id }) => id)).size;
  /** Something that came `inS` from now on, or later; returns how long that took, s. */
  const allRecord = async (inS = 0, patienceMs = PATIENCE_MS): Promise<number> => {
    const nowS = Date.now() / 1000;
    await within(async () => recordedBy(nowS + inS) === CAMERAS, 'not every camera is recorded', patienceMs);
    return Date.now() / 1000 - nowS;
  };
  await within(async () => (await Promise.all(nodes.map(({ id }) => store.nodes.get(id)))).every((entry) => entry?.value), 'not every node is there');
  for (let index = 0; index < CAMERAS; index++) await store.cameras.put(`cam-${index}`, { camera: { id: `cam-${index}`, url: camera.url }, cost_cores: 0.1 }, 0);
  await allRecord();
  const fromS = Date.now() / 1000;
  const from = camera.sent;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const while_ = (): number => 500 + random() * 12_000;
  const drained = async (node: FleetNode, meanwhile: () => Promise<void>): Promise<void> => {
    await store.drains.put(node.id, { since: Date.now() / 1000 }, null);
    await meanwhile();
    await store.drains.delete(node.id);
  };
  /** Pictures that were sent while a node was cut off from the cameras. */
  const cuts: { readonly from: number; until: number }[] = [];
  const unreached = async (meanwhile: () => Promise<unknown>): Promise<void> => {
    const cut = { from: camera.sent, until: Infinity };
    cuts.push(cut);
    await pick(nodes).cutCameras(meanwhile);
    cut.until = camera.sent;
  };
  const faults: Record<string, () => Promise<void>> = {
    'kernel killed': () => pick(nodes).kill(['kernel']),
    'agent killed': () => pick(nodes).kill(['fleet']),
    'node dead for a while': () => pick(nodes).kill(PARTS, while_()),
    'node frozen': () => pick(nodes).freeze(PARTS, while_()),
    'kernel frozen': () => pick(nodes).freeze(['kernel'], while_()),
    'agent frozen': () => pick(nodes).freeze(['fleet'], while_()),
    'core killed': () => pick(nodes).kill(['core']),
    'server killed': () => pick(serving).kill(['server']),
    'outbox killed': () => pick(nodes).kill(['outbox']),
    'server and outbox frozen': () => pick(nodes).freeze(['server', 'outbox'], while_()),
    'server dead for a while': () => pick(serving).kill(['server'], while_()),
    'PostgreSQL away': async () => {
      await postgres.kill();
      await delay(while_());
      await postgres.start();
    },
    'node drained': () => drained(pick(nodes), () => delay(3000 + random() * 5000)),
    'kernel killed while its node is drained': () => { const node = pick(nodes); return drained(node, async () => { await delay(random() * 3000); await node.kill(['kernel']); }); },
    'agent frozen while a node is drained': () => drained(pick(nodes), async () => { await delay(random() * 3000); await pick(nodes).freeze(['fleet'], while_()); }),
    ...(SteppedClock.make(join(folder, 'clock')) && { 'clock of a node stepped': () => pick(nodes).step((random() < 0.5 ? -1 : 1) * (13.5 + random() * 3), while_()) }),
    'node cut off from NATS': () => pick(nodes).cut(while_()),
    ...(network && { 'link to cameras cut': () => unreached(() => delay(while_())), 'link to cameras cut until others have them': () => unreached(() => allRecord(2 * STALL_S, 2 * ALLOWED_UNREACHED_S * 1000)) }),
    'server of NATS killed': async () => {
      const server = pick(nats);
      await server.kill();
      await delay(while_());
      await server.run();
    },
    'server of NATS frozen': async () => {
      const server = pick(nats);
      server.signal('SIGSTOP');
      await delay(while_());
      server.signal('SIGCONT');
    },
  };
  const names = Object.keys(faults);
  for (let blow = 1; blow <= blows; blow++) {
    // Each kind as often as the others; a short run begins with another one.
    const name = names[(blow - 1 + seed) % names.length]!;
    const began = Date.now();
    await faults[name]!();
    const tookMs = Date.now() - began;
    const wholeS = await allRecord();
    report(`${blow}/${blows} ${name} (${(tookMs / 1000).toFixed(1)} s): all recorded ${wholeS.toFixed(1)} s later`);
    await delay(500 + random() * 1500);
  }
  const untilS = Date.now() / 1000;
  const until = camera.sent;
  await Promise.all(nodes.map((node) => node.end(['core'])));
  const found = await eventsOf(nodes, { kind: 'postgres', url: postgres.url });
  clearInterval(tending);
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));

  const byCamera = Map.groupBy(nodes.flatMap((node) => readIndex(node)), ({ camera: id }) => id);
  const gaps: Gap[] = [];
  let doubleS = 0;
  for (const [id, rows] of byCamera) {
    const weighed = weigh(rows, from, until);
    gaps.push(...weighed.gaps);
    doubleS += weighed.doubleS;
    for (const text of weighed.doubles) report(`${id}: ${text}`);
  }
  const [unreachedS, others] = [true, false].map((isOfCut) => gaps.filter(({ after }) => cuts.some((cut) => after >= cut.from - CLIP_FPS && after <= cut.until) === isOfCut).map(({ seconds }) => seconds)) as [number[], number[]];
  const [longest, longestUnreached] = [others, unreachedS].map((all) => Number(Math.max(0, ...all).toFixed(2)));
  return {
    faults: blows, unowned_over_10s: others.filter((seconds) => seconds > ALLOWED_S).length + unreachedS.filter((seconds) => seconds > ALLOWED_UNREACHED_S).length + CAMERAS - byCamera.size, double_indexed_s: Number(doubleS.toFixed(3)), ...found,
    longest_gap_s: longest!, ...(cuts.length > 0 && { longest_gap_unreached_s: longestUnreached! }), gaps: gaps.length,
    recorded_share: Number((1 - gaps.reduce((sum, { seconds }) => sum + seconds, 0) / (untilS - fromS) / CAMERAS).toFixed(4)), minutes: Number(((untilS - fromS) / 60).toFixed(1)), seed,
  };
};

async function within(condition: () => Promise<boolean>, otherwise: string, patienceMs = PATIENCE_MS): Promise<void> {
  for (const endsAt = Date.now() + patienceMs; !await condition(); await delay(200)) if (Date.now() > endsAt) throw new Error(otherwise);
}

/** Waits until nothing is missing, or nothing more comes. */
async function eventsOf(nodes: readonly FleetNode[], address: StoreAddress): Promise<{ events: number; events_lost: number; events_twice: number; gaps_told: number }> {
  await using database = await openDatabase(address);
  const stored: string[] = [];
  let gapsTold = 0;
  let last = 0;
  const emitted = nodes.flatMap((node) => node.emitted().map((id) => `${node.id} ${id}`));
  const missing = async (): Promise<number> => {
    for (;;) {
      const rows = await database.read('eventsAfter', last, 5000);
      for (const { id, node, source, series: { type }, body } of rows) {
        last = id;
        if (source !== 'kernel' && type === 'gap') gapsTold++;
        else if (source === 'core') stored.push(`${node} ${(JSON.parse(body) as { id: number }).id}`);
      }
      if (rows.length > 0) continue;
      const known = new Set(stored);
      return emitted.filter((name) => !known.has(name)).length;
    }
  };
  await within(async () => await missing() === 0, '').catch(() => undefined);
  return { events: emitted.length, events_lost: await missing(), events_twice: stored.length - new Set(stored).size, gaps_told: gapsTold };
}

async function openStore(nats: readonly Nats[]): Promise<SiteStore> {
  // A cluster that just began has no leader yet.
  for (const endsAt = Date.now() + PATIENCE_MS; ; await delay(300)) {
    try {
      return await SiteStore.open({ servers: nats.map(({ url }) => url), credentialsFile: null, caFile: null, name: 'chaos', replicas: nats.length }, createLogger('chaos', 'silent'));
    } catch (error) {
      if (Date.now() > endsAt) throw error;
    }
  }
}

/** What a node's index says, as an outsider reads it. */
function readIndex(node: FleetNode): Recorded[] {
  try {
    using index = new DatabaseSync(join(node.recordings, 'index.sqlite'), { readOnly: true });
    const rows = index.prepare('SELECT camera, file, end_us FROM segments ORDER BY start_us').all() as unknown as { camera: string; file: string; end_us: number }[];
    return rows.map(({ camera, file, end_us: endUs }) => ({ node: node.id, camera, file: join(node.recordings, file), endS: endUs / 1e6 }));
  } catch {
    return [];
  }
}

/** Which pictures the recordings of a camera have, of those from one number to another; seconds by how often it sends. */
function weigh(recorded: readonly Recorded[], from: number, until: number): { gaps: Gap[]; doubleS: number; doubles: string[] } {
  const whereIs = new Map<number, Recorded>();
  const twice = new Map<string, number>();
  for (const one of recorded) {
    for (const number of numbersIn(readFileSync(one.file))) {
      const other = whereIs.get(number);
      // With the files, whose names say when each began: of one node alone it may be that a camera gave its running group of pictures to a second connection.
      const both = other && [other, one].map(({ node, file }) => `${node} (${basename(file)})`).join(' and ');
      if (both !== undefined) twice.set(both, (twice.get(both) ?? 0) + 1);
      whereIs.set(number, one);
    }
  }
  const gaps: Gap[] = [];
  let last = from;
  for (const number of [...whereIs.keys()].filter((one) => one > from).sort((a, b) => a - b)) {
    if (number > last + 1) gaps.push({ after: last, seconds: (number - last - 1) / CLIP_FPS });
    last = number;
  }
  if ((until - last) / CLIP_FPS > 2) gaps.push({ after: last, seconds: (until - last) / CLIP_FPS });
  const doubles = [...twice].map(([nodes, pictures]) => `${pictures} pictures in the indexes of ${nodes}`);
  return { gaps, doubleS: [...twice.values()].reduce((sum, pictures) => sum + pictures, 0) / CLIP_FPS, doubles };
}
