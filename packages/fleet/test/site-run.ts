// Nodes of a site in one process, each with a store of its own over a link that can be cut, and a kernel that only keeps what it was told: it
// records a camera until the lease ends, as the real one does. Looked at many times a second, for who records what.
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type CameraConfig, type CameraSubscriptions, type ClaimRequest, type ClaimResult, type Holdings, type HoldingsRequest, type KeyframesFound, type PlacementLease, type PlacementStatus, type RecordingSeam, type SiteLabels } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { NodeAgent, SiteKeyFile, SiteStore, type CoreOfNode, type LeaseTiming } from '../src/index.ts';
import { Link } from './nats.ts';

/** Long enough that a busy machine, whose processes all stand still for a second, ends no lease. */
export const TIMING: LeaseTiming = { leaseS: 3, renewEveryS: 0.4, silenceS: 3.6, kernelSilenceS: 3, unreachedS: 2, prepareS: 3 };
export const logger = createLogger('fleet', process.env.RUTH_TEST_LOG ?? 'silent');
export const nowS = (): number => performance.now() / 1000;
const LOOK_EVERY_MS = 20;
const WAIT_MS = 30_000;

export class TestKernel {
  #lease: PlacementLease | null = null;
  answers = true;
  /** All that it has, with a lease or without. */
  #cameras: readonly string[] = [];
  /** What it recorded aside, since when (UTC, s); and what it was told to claim of that. */
  readonly unclaimed = new Map<string, { from: number; to: number }>();
  readonly claims: ClaimRequest[] = [];
  own: string[] = [];
  /** It cannot take these. `attempts`: how often each came anew. */
  readonly refuses = new Map<string, string>();
  readonly attempts = new Map<string, number>();
  readonly recorded = new Set<string>();

  /** It cannot connect to these. `asked`: of those, which it was told to hold back. */
  readonly unreachable = new Set<string>();
  readonly asked = new Set<string>();
  /** Those that it was told to let go, where it ended: at a picture that is named by a number. */
  readonly #left = new Map<string, RecordingSeam | null>();
  readonly seams: Record<string, RecordingSeam | null> = {};
  static pictures = 0;

  get holding(): string[] { return this.#lease && nowS() < this.#lease.until_s ? (this.#lease.next ?? []).map(({ id }) => id).filter((id) => !this.unreachable.has(id)) : []; }

  async look(): Promise<PlacementStatus> {
    if (!this.answers) throw new Error('it hangs');
    return { incarnation: this.#lease?.incarnation ?? null, until_s: this.#lease?.until_s ?? null, cameras: Object.fromEntries(this.#cameras.map((id) => [id, this.unreachable.has(id) ? { state: 'waiting', unreachable: true } : { state: 'recording' }])), refused: Object.fromEntries([...this.refuses].filter(([id]) => this.#names(id))), held: this.holding, left: Object.fromEntries(this.#left), own: this.own, recorded: [...this.recorded], unclaimed: Object.fromEntries(this.unclaimed) };
  }

  async place(lease: PlacementLease): Promise<PlacementStatus> {
    for (const { id } of lease.cameras ?? []) if (!this.#names(id)) this.attempts.set(id, (this.attempts.get(id) ?? 0) + 1);
    for (const { id } of lease.next ?? []) if (this.unreachable.has(id)) this.asked.add(id);
    if (this.answers) {
      const recorded = this.recording;
      this.#lease = lease;
      for (const id of [...this.#left.keys()]) if (!lease.leave?.includes(id)) this.#left.delete(id);
      for (const id of lease.leave ?? []) if (!this.#left.has(id)) this.#left.set(id, recorded.includes(id) ? { picture: String(++TestKernel.pictures).padStart(32, '0'), at: Date.now() / 1000 } : null);
      for (const { id } of lease.cameras) if (!recorded.includes(id)) this.seams[id] = lease.seams?.[id] ?? null;
      this.#cameras = [...new Set([...lease.cameras.map(({ id }) => id), ...(lease.aside ?? []).filter((id) => this.#cameras.includes(id))])];
    }
    for (const id of this.recording) {
      this.recorded.add(id);
      if (!this.#begun.has(id)) this.#begun.set(id, Date.now() / 1000);
    }
    for (const id of [...this.#begun.keys()]) if (!this.recording.includes(id)) this.#ends(id);
    return this.look();
  }

  /** What it said that it has: of what it recorded, since when. */
  readonly #begun = new Map<string, number>();
  readonly spans = new Map<string, { start: number; end: number }[]>();
  #ends(id: string): void {
    this.spans.set(id, [...this.spans.get(id) ?? [], { start: this.#begun.get(id)!, end: Date.now() / 1000 }]);
    this.#begun.delete(id);
  }

  async holdings({ camera }: HoldingsRequest): Promise<Holdings> {
    const now = Date.now() / 1000;
    const begun = this.#begun.get(camera);
    const recorded = [...this.spans.get(camera) ?? [], ...(begun === undefined ? [] : [{ start: begun, end: now }])];
    return { recorded, aside: [], settled: this.#cameras.includes(camera) ? recorded.at(-1)?.end ?? 0 : now };
  }

  async keyframes(): Promise<KeyframesFound> { return { found: [] }; }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    this.claims.push(request);
    const { camera, claim, delete: gone } = request;
    const end = Math.max(...[...claim, ...gone].map((span) => span.end));
    const aside = this.unclaimed.get(camera);
    if (aside && end >= aside.to) this.unclaimed.delete(camera);
    return { claimed_s: claim.reduce((sum, span) => sum + span.end - span.start, 0), deleted_files: gone.length, left_files: 0 };
  }

  /** As where it was killed and started again. */
  beginAnew(): void {
    this.#lease = null;
    this.#left.clear();
    this.#cameras = [];
  }

  /** How a camera is that it was given. */
  given(id: string): CameraConfig | undefined { return this.#lease?.cameras.find((camera) => camera.id === id); }

  /** Those that it has and no lease for: the real one records them aside. */
  get aside(): string[] { return this.#cameras.filter((id) => !this.recording.includes(id)); }

  /** Seconds since the lease ended that it was told last. */
  get endedSinceS(): number { return nowS() - (this.#lease?.until_s ?? -Infinity); }

  get recording(): string[] { return this.#lease && nowS() < this.#lease.until_s ? this.#lease.cameras.map(({ id }) => id).filter((id) => !this.refuses.has(id) && !this.#left.has(id) && !this.unreachable.has(id)) : []; }

  #names(id: string): boolean { return this.#lease?.cameras?.some((camera) => camera.id === id) ?? false; }
}

/** Only keeps what it was told. */
export class TestCore implements CoreOfNode {
  readonly cameras = new Map<string, CameraSubscriptions>();
  process = 1;
  async incarnation(): Promise<string> { return String(this.process); }
  async put(camera: string, subscriptions: CameraSubscriptions): Promise<void> { this.cameras.set(camera, subscriptions); }
  async remove(camera: string): Promise<void> { this.cameras.delete(camera); }
  /** As where it was killed and started again. */
  beginAnew(): void {
    this.process++;
    this.cameras.clear();
  }
}

export class TestNode implements AsyncDisposable {
  readonly kernel = new TestKernel();
  readonly core = new TestCore();
  readonly agent: NodeAgent;
  readonly link: Link;
  readonly #store: SiteStore;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  failure: Error | null = null;
  /** Renewals of which the answer gets lost. */
  answersToLose = 0;

  private constructor(id: string, link: Link, store: SiteStore, labels: SiteLabels, keyFile: string, clockAheadS: number) {
    this.link = link;
    this.#store = store;
    const put = store.nodes.put.bind(store.nodes);
    store.nodes.put = async (...record) => {
      const revision = await put(...record);
      if (this.answersToLose-- > 0) throw new RuthError('unreachable', 'the answer was lost');
      return revision;
    };
    this.agent = new NodeAgent({ id, machine: `machine of ${id}`, labels, capacityCores: 4, store, keys: new SiteKeyFile(keyFile, logger), kernel: this.kernel, core: this.core, serverUrl: 'http://127.0.0.1', nowS, wallS: () => Date.now() / 1000 + clockAheadS, logger: logger.child({ node: id }), timing: TIMING });
    this.#running = this.agent.run(this.#stop.signal).catch((error: Error) => { this.failure = error; });
  }

  /** `keyFile`: of the site; none unless told. `clockAheadS`: its wall clock, against that of the machine. */
  static async start(id: string, port: number, labels: SiteLabels = {}, keyFile = '/nonexistent', clockAheadS = 0): Promise<TestNode> {
    const link = new Link(port);
    const url = await link.listen();
    return new TestNode(id, link, await SiteStore.open({ servers: [url], credentialsFile: null, caFile: null, name: id, replicas: 1 }, logger), labels, keyFile, clockAheadS);
  }

  /** As where its process is killed: its lease is not given back. */
  async end(): Promise<void> {
    this.link.cut();
    this.#stop.abort();
    await this.#store.connection.close().catch(() => undefined);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link.mend();
    this.#stop.abort();
    await this.#store[Symbol.asyncDispose]();
    await this.#running;
    await this.link[Symbol.asyncDispose]();
  }
}

/** Looks on, and keeps what must not be: a camera that two nodes record. */
export class Onlooker implements Disposable {
  readonly #nodes: readonly TestNode[];
  readonly #timer: NodeJS.Timeout;
  readonly twice: string[] = [];

  constructor(nodes: readonly TestNode[]) {
    this.#nodes = nodes;
    this.#timer = setInterval(() => {
      const seen = new Set<string>();
      for (const id of nodes.flatMap(({ kernel }) => kernel.recording)) {
        if (seen.has(id)) this.twice.push(id);
        seen.add(id);
      }
    }, LOOK_EVERY_MS);
  }

  get recorded(): Set<string> { return new Set(this.#nodes.flatMap(({ kernel }) => kernel.recording)); }

  [Symbol.dispose](): void { clearInterval(this.#timer); }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, waitMs = WAIT_MS): Promise<void> {
  const endsAt = Date.now() + waitMs;
  while (!await condition()) {
    if (Date.now() > endsAt) throw new Error(`in vain: ${what}`);
    await delay(20);
  }
}
