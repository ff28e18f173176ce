// Simulated nodes of a site, many in one process: each has the agent, the store and the connection to NATS of a real one, and a kernel and a core
// that only keep what they are told. Tells its parent how many cameras are recorded here.
import { uptime } from 'node:os';
import type { CameraConfig, ClaimResult, Holdings, KeyframesFound, PlacementLease, PlacementStatus } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { NodeAgent, SiteKeyFile, SiteStore, type CoreOfNode } from '../../packages/fleet/src/index.ts';

export interface NodesOptions { readonly url: string; readonly first: number; readonly count: number; readonly capacityCores: number; readonly zones: number }
/** What the parent asks for. */
export type Request = { readonly end: number } | { readonly list: true };
/** `until_s`: when the last lease of those that were ended runs out. */
export type Answer = { readonly ready: true } | { readonly recording: number; readonly at_ms: number } | { readonly until_s: number } | { readonly cameras: readonly string[] };

/** As `uptime()`, which asks the kernel each time: here a thousand nodes are looked at fifty times a second. */
const bootS = uptime() - performance.now() / 1000;
const nowS = (): number => bootS + performance.now() / 1000;

const LOOK_EVERY_MS = 20;
const OPENED_AT_ONCE = 16;

class KeptKernel {
  #lease: PlacementLease | null = null;
  #cameras: readonly CameraConfig[] = [];
  get untilS(): number { return this.#lease?.until_s ?? 0; }
  get cameras(): readonly CameraConfig[] { return this.#lease && nowS() < this.#lease.until_s ? this.#cameras : []; }

  async look(): Promise<PlacementStatus> {
    return { incarnation: this.#lease?.incarnation ?? null, until_s: this.#lease?.until_s ?? null, cameras: Object.fromEntries(this.cameras.map(({ id }) => [id, { state: 'recording' }])), refused: {} };
  }

  async place(lease: PlacementLease): Promise<PlacementStatus> {
    this.#lease = lease;
    this.#cameras = lease.cameras ?? this.#cameras;
    return this.look();
  }

  async keyframes(): Promise<KeyframesFound> { return { found: [] }; }
  async claim(): Promise<ClaimResult> { return { claimed_s: 0, deleted_files: 0, left_files: 0 }; }
  async holdings(): Promise<Holdings> { return { recorded: [], aside: [], settled: Date.now() / 1000 }; }
}

const core: CoreOfNode = { incarnation: async () => '1', put: async () => undefined, remove: async () => undefined };

interface Simulated { readonly kernel: KeptKernel; readonly end: () => void }

async function start(id: string, { url, capacityCores }: NodesOptions, zone: number): Promise<Simulated> {
  const logger = createLogger('fleet', process.env.RUTH_BENCH_LOG ?? 'error').child({ node: id });
  const store = await SiteStore.open({ servers: [url], credentialsFile: null, caFile: null, name: id, replicas: 1 }, logger);
  const kernel = new KeptKernel();
  const stop = new AbortController();
  const keys = new SiteKeyFile('/nonexistent/site.key', logger);
  const agent = new NodeAgent({ id, machine: `machine of ${id}`, labels: { zone: String(zone) }, capacityCores, store, keys, kernel, core, nowS, logger });
  const running = agent.run(stop.signal);
  running.catch((error: Error) => { if (!stop.signal.aborted) logger.error(error.message); });
  return {
    kernel,
    end: () => {
      stop.abort();
      store.connection.close().catch(() => undefined);
    },
  };
}

const answer = (what: Answer): void => void process.send!(what);
const options = JSON.parse(process.argv[2]!) as NodesOptions;
const nodes: Simulated[] = [];
const rest = Array.from({ length: options.count }, (_, index) => options.first + index).values();
await Promise.all(Array.from({ length: OPENED_AT_ONCE }, async () => { for (const index of rest) nodes.push(await start(`node-${index}`, options, index % options.zones)); }));

let told = -1;
setInterval(() => {
  const recording = nodes.reduce((sum, { kernel }) => sum + kernel.cameras.length, 0);
  if (recording !== told) answer({ recording: told = recording, at_ms: Date.now() });
}, LOOK_EVERY_MS);
process.on('message', (request: Request) => {
  if ('list' in request) return answer({ cameras: nodes.flatMap(({ kernel }) => kernel.cameras.map(({ id }) => id)) });
  // As where the machines lost their power: nothing is given back, and what they record ends with their leases.
  const dead = nodes.slice(0, request.end);
  for (const { end } of dead) end();
  answer({ until_s: Math.max(...dead.map(({ kernel }) => kernel.untilS)) });
});
process.once('disconnect', () => process.exit(0));
answer({ ready: true });
