// A site of a thousand nodes and twenty cameras at each, against a real nats-server: the agents, leases, store and placer of real nodes, each with
// its own connection; simulated are kernels and cores. Several sizes, so that one sees how it grows. RUTH_BENCH_NODES names others than 125 to 1000.
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@ruth/transport';
import { SiteStore } from '../packages/fleet/src/index.ts';
import { Nats } from '../packages/fleet/test/nats.ts';
import { SimulatedSite, ZONES } from './fleet/simulated-site.ts';
import { cpuMs } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const SIZES = (process.env.RUTH_BENCH_NODES ?? '125,250,500,1000').split(',').map(Number);
const CAMERAS_PER_NODE = 20;
const COST_CORES = 0.05;
const DYING_SHARE = 0.05;
const REST_MS = 10_000;
const SETTLE_MS = 6000;
const PUTS_AT_ONCE = 64;
/** After the NATS server came back: longer than a lease, which is 12 s. */
const RESTART_WATCH_S = 20;

interface Figures { readonly nodes: number; readonly placeAllS: number; /** CPU for that. */ readonly placeLeaderS: number; readonly placeNatsS: number; readonly healS: number; readonly healWholeS: number; readonly messagesPerS: number; readonly leaderCores: number; readonly leaderMb: number; readonly natsCores: number; readonly nodeCores: number; /** Cameras that were not recorded when most were not, after the NATS server was ended and started again; and how long until all were. */ readonly restartUnrecorded: number; readonly restartHealS: number }

export const bench: Bench = async (report) => {
  const all: Figures[] = [];
  for (const nodes of SIZES) {
    all.push(await measure(nodes, report));
    report(JSON.stringify(all.at(-1)));
  }
  const largest = all.at(-1)!;
  const exponent = (value: (figures: Figures) => number): number => Number(slope(all.map((figures) => [Math.log(figures.nodes), Math.log(value(figures))])).toFixed(2));
  return {
    nodes: largest.nodes, cameras: largest.nodes * CAMERAS_PER_NODE,
    place_all_s: round(largest.placeAllS), heal_after_leases_s: round(largest.healS), heal_s: round(largest.healWholeS), messages_per_s_at_rest: Math.round(largest.messagesPerS),
    restart_unrecorded_cameras: largest.restartUnrecorded, restart_heal_s: round(largest.restartHealS),
    leader_cores: round(largest.leaderCores), leader_mb: Math.round(largest.leaderMb), nats_cores: round(largest.natsCores), agent_cores: round(largest.nodeCores),
    place_leader_cpu_s: round(largest.placeLeaderS), place_nats_cpu_s: round(largest.placeNatsS),
    exponent_place_all: exponent(({ placeAllS }) => placeAllS), exponent_place_leader_cpu: exponent(({ placeLeaderS }) => placeLeaderS), exponent_place_nats_cpu: exponent(({ placeNatsS }) => placeNatsS), exponent_heal: exponent(({ healS }) => healS), exponent_messages: exponent(({ messagesPerS }) => messagesPerS),
    exponent_leader_cores: exponent(({ leaderCores }) => leaderCores), exponent_n_log_n: exponent(({ nodes }) => nodes * Math.log(nodes)), sizes: SIZES.join(','),
  };
};

async function measure(count: number, report: (line: string) => void): Promise<Figures> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await Nats.start());
  const site = stack.use(await SimulatedSite.start(nats.url, count));
  const store = stack.use(await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'bench', replicas: 1 }, createLogger('bench', 'warn')));
  await delay(SETTLE_MS);
  const cameras = count * CAMERAS_PER_NODE;
  const cpuBefore = { leader: cpuMs(site.leaderPid), nats: cpuMs(nats.pid), others: total(site.otherPids) };
  const beganS = uptime();
  const rest = Array.from({ length: cameras }, (_, index) => index).values();
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, async () => {
    for (const index of rest) await store.cameras.put(`cam-${index}`, { camera: { id: `cam-${index}`, url: `rtsp://10.0.0.1/${index}` }, cost_cores: COST_CORES, prefer: { zone: String(index % ZONES) } }, 0);
  }));
  const putS = uptime() - beganS;
  const placeAllS = await site.until((recording) => recording === cameras, 'all cameras are placed') - beganS;
  const [placeLeaderS, placeNatsS] = [(cpuMs(site.leaderPid) - cpuBefore.leader) / 1000, (cpuMs(nats.pid) - cpuBefore.nats) / 1000];
  await site.assertEachOnce();
  report(`${count} nodes: ${cameras} cameras put in ${putS.toFixed(1)} s, all recorded after ${placeAllS.toFixed(1)} s; CPU for that, s: leader ${placeLeaderS.toFixed(1)}, nats-server ${placeNatsS.toFixed(1)}, agents ${((total(site.otherPids) - cpuBefore.others) / 1000).toFixed(1)}`);

  await delay(SETTLE_MS);
  const look = async (): Promise<{ messages: number; leader: number; nats: number; others: number; atS: number }> => {
    const { in_msgs: received, out_msgs: sent } = await (await fetch(`${nats.monitorUrl}/varz`)).json() as { in_msgs: number; out_msgs: number };
    return { messages: received + sent, leader: cpuMs(site.leaderPid), nats: cpuMs(nats.pid), others: total(site.otherPids), atS: uptime() };
  };
  const before = await look();
  await delay(REST_MS);
  const after = await look();
  const overS = after.atS - before.atS;
  const cores = (of: 'leader' | 'nats' | 'others'): number => (after[of] - before[of]) / 1000 / overS;

  const diedS = uptime();
  const endS = await site.end(Math.round(count * DYING_SHARE));
  await site.until((recording) => recording < cameras, 'what died records no more');
  const healedS = await site.until((recording) => recording === cameras, 'all cameras are recorded again');
  await site.assertEachOnce();

  // All nodes come back at once, and look at everything anew.
  await nats.kill();
  await nats.run();
  const restartedS = uptime();
  let [most, wholeS] = [cameras, restartedS];
  for (; uptime() < restartedS + RESTART_WATCH_S; await delay(20)) {
    most = Math.min(most, site.recording);
    if (site.recording < cameras) wholeS = uptime();
  }
  if (site.recording < cameras) wholeS = await site.until((recording) => recording === cameras, 'all cameras are recorded after NATS came back');
  await site.assertEachOnce();
  report(`${count} nodes: the NATS server ended and started again: ${cameras - most} cameras were not recorded at the worst, all are after ${(wholeS - restartedS).toFixed(1)} s`);
  return {
    nodes: count, restartUnrecorded: cameras - most, restartHealS: wholeS - restartedS, placeAllS, placeLeaderS, placeNatsS, healS: healedS - endS, healWholeS: healedS - diedS, messagesPerS: (after.messages - before.messages) / overS,
    leaderCores: cores('leader'), leaderMb: residentMb(site.leaderPid), natsCores: cores('nats'), nodeCores: cores('others') / (count - 1),
  };
}

const total = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);

function residentMb(pid: number): number { return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024; }

/** Of the straight line that fits best: the exponent, where both are logarithms. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
