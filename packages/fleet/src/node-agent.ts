// A node of a site: renews its lease, learns which cameras are its own, and tells its kernel, which records them until the lease ends and no
// longer, and its core, which looks at them.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type ClaimRequest, type ClaimResult, type KeyframesFound, type KeyframesRequest, type NodePlacement, type PlacementLease, type PlacementStatus, type Holdings, type HoldingsRequest, type SiteLabels } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import type { KeptOffsets } from './clock-file.ts';
import { CameraIntents, type CoreOfNode } from './camera-intents.ts';
import { LEASE_TIMING, type LeaseTiming, type NodeLease } from './node-lease.ts';
import { Office } from './office.ts';
import { OwnCameras } from './own-cameras.ts';
import { Pause } from './pause.ts';
import { NodeClock } from './node-clock.ts';
import { answerHoldings } from './holdings.ts';
import { Refusals } from './refusals.ts';
import { Renewals } from './renewals.ts';
import type { SiteKeyFile } from './site-keys.ts';
import type { Entry } from './records.ts';
import type { SiteStore } from './site-store.ts';
import { Told } from './told.ts';
import { Unclaimed } from './unclaimed.ts';
import { Unreached } from './unreached.ts';

export interface NodeAgentOptions {
  readonly id: string;
  readonly machine: string;
  readonly labels: SiteLabels;
  readonly capacityCores: number;
  /** Where the servers of other nodes reach this node's; null where they do not. */
  readonly serverUrl?: string | null;
  readonly store: SiteStore;
  /** What opens sealed credentials. */
  readonly keys: SiteKeyFile;
  /** What records. Throws where it does not answer in time. `place` resolves when nothing else than what it names is recorded any more. */
  readonly kernel: { look(): Promise<PlacementStatus>; place(lease: PlacementLease): Promise<PlacementStatus>; claim(request: ClaimRequest): Promise<ClaimResult>; holdings(request: HoldingsRequest): Promise<Holdings>; keyframes(request: KeyframesRequest): Promise<KeyframesFound> };
  readonly core: CoreOfNode;
  /** Seconds of the machine's clock since boot. */
  readonly nowS: () => number;
  /** Not for a site whose other nodes have another one. */
  readonly timing?: LeaseTiming;
  /** UTC; the machine's clock, unless told. */
  readonly wallS?: () => number;
  /** What that was set by, as a process before this one knew it. */
  readonly clockKept?: KeptOffsets;
  readonly logger: Logger;
}

/** Of the cameras whose recordings a node tells of. */
const MOST_RECORDED = 4096;
/** One that begins anew is told so much sooner than it is told otherwise. */
const KERNEL_AGAIN = 0.2;
const MOVES_LOOK_MS = 150;

/** What may fail in each round. */
type Task = 'renew' | 'learn' | 'kernel';

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #timing: LeaseTiming;
  readonly #renewals: Renewals;
  #told: Entry<NodePlacement> | null = null;
  #applied: { readonly revision: number; readonly lease: NodeLease } | null = null;
  #kernel: { readonly status: PlacementStatus; readonly atS: number } | null = null;
  #draining = false;
  readonly #own: OwnCameras;
  readonly #intents: CameraIntents;
  readonly #unclaimed: Unclaimed;
  readonly #refusals: Refusals;
  readonly #unreached: Unreached;
  readonly #pause = new Pause();
  readonly #clock: NodeClock;
  readonly #warnings: Readonly<Record<Task, RepeatedWarning>>;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#timing = options.timing ?? LEASE_TIMING;
    this.#own = new OwnCameras(options);
    this.#intents = new CameraIntents(options.core, options.logger);
    this.#clock = new NodeClock(options.nowS, options.wallS, options.clockKept);
    this.#renewals = new Renewals({ ...options, timing: this.#timing, clock: this.#clock });
    this.#unclaimed = new Unclaimed({ ...options, clock: this.#clock });
    this.#refusals = new Refusals(options.nowS);
    this.#unreached = new Unreached(options.nowS, this.#timing.unreachedS);
    const { logger } = options;
    this.#warnings = { renew: new RepeatedWarning(logger), learn: new RepeatedWarning(logger), kernel: new RepeatedWarning(logger) };
  }

  get lease(): NodeLease { return this.#renewals.lease; }

  /** Until `signal` aborts, or JetStream is gone for good. A lease that is lost is followed by another one. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, id, logger } = this.#options;
    let failure: Error | null = null;
    const fails = (cause: Error): void => { failure = cause; };
    const told = new Told(store, id, (entry) => {
      this.#told = entry;
      this.#pause.end();
    }, logger).follow(signal);
    store.drains.watch(({ value }) => {
      this.#draining = value !== null;
      this.#pause.end();
    }, { signal, id }).catch(() => undefined);
    const leading = new Office({ node: id, store, logger, nowS: this.#options.nowS, timing: this.#timing }).run(signal);
    void answerHoldings(store, id, (request) => this.#options.kernel.holdings(request), { signal, logger, clock: this.#clock });
    for (const part of [told, leading]) part.catch(fails).finally(() => this.#pause.end());
    signal.addEventListener('abort', () => this.#pause.end(), { once: true });
    while (!signal.aborted) {
      if (failure) throw failure as Error;
      await this.#tried('renew', this.#renew(), 'the lease of this node could not be renewed');
      await this.#tried('learn', this.#learn(), 'what is placed here could not be looked up');
      const isTold = await this.#tellKernel();
      const { cameras } = this.#own;
      // Recording waits for nobody.
      void this.#intents.tell(new Map([...this.#unclaimed.known, ...cameras]));
      if (isTold && this.lease.holds) void this.#unclaimed.settle(cameras, this.#kernel!.status);
      const paused = isTold && this.#own.moves.isWaiting ? new AbortController() : null;
      if (paused) void this.#followMoves(paused.signal);
      await this.#pause.lasting((this.lease.holds && !isTold ? KERNEL_AGAIN : 1) * this.#timing.renewEveryS * 1000);
      paused?.abort();
    }
  }

  async #tried(what: Task, done: Promise<unknown>, failure: string): Promise<boolean> {
    try {
      await done;
      this.#warnings[what].over();
      return true;
    } catch (cause) {
      const { code, message } = RuthError.from(cause);
      this.#warnings[what].warn({ code, lease_left_s: Math.max(0, (this.lease.untilS ?? 0) - this.#options.nowS()) }, `${failure}: ${message}`);
      return false;
    }
  }

  async #renew(): Promise<void> {
    const { labels, capacityCores, serverUrl = null, keys } = this.#options;
    if (this.lease.ended) await this.#beginAnew();
    this.#lookAtKeys();
    await this.#assertKernel();
    const { cameras: states, own = [], recorded = [], unclaimed_files: unclaimed } = this.#kernel!.status;
    const isTaken = await this.#renewals.renew({
      labels, capacity_cores: capacityCores, draining: this.#draining, applied: this.#applied?.lease === this.lease ? this.#applied.revision : 0,
      cameras: Object.fromEntries([...this.#own.cameras.keys()].map((camera) => [camera, { state: this.#unreached.stateOf(camera, states[camera]), cost_cores: states[camera]?.cost_cores ?? null }])),
      ...this.#refusals.told, ...(serverUrl === null ? {} : { server_url: serverUrl }), own, recorded: recorded.slice(0, MOST_RECORDED), key_ids: keys.keys.ids, ...this.#own.moves.told, ...(unclaimed && { unclaimed }),
      ...(this.#clock.ofNats && { clock: this.#clock.ofNats }),
    });
    if (!isTaken) this.#pause.end();
  }

  async #beginAnew(): Promise<void> {
    this.#options.logger.error({ incarnation: this.lease.incarnation }, 'the lease of this node ended: what the site placed here is recorded aside until it is known who has it');
    // What it left is another one's by now, or will be.
    this.#unclaimed.add(new Map([...this.#own.cameras].filter(([camera]) => !this.#own.moves.hasLeft(camera))));
    this.#own.clear();
    this.#refusals.clear();
    await this.#tellKernel();
    this.#renewals.beginAnew();
  }

  /** Somebody brought another key: what could not be opened may be now. */
  #lookAtKeys(): void {
    const { keys, logger } = this.#options;
    const had = keys.keys.ids.length > 0;
    if (!keys.changed()) return;
    const { ids } = keys.keys;
    logger.info({ key_ids: ids }, ids.length === 0 ? 'this node has no key of the site any more' : had ? 'this node has another key of the site' : 'this node has the key of the site');
    this.#refusals.clear();
    this.#applied = null;
  }

  /** Throws where the kernel was silent for so long that this node cannot be said to record. */
  async #assertKernel(): Promise<void> {
    const { kernel, nowS } = this.#options;
    if (this.#kernel && nowS() - this.#kernel.atS < this.#timing.kernelSilenceS) return;
    try {
      const status = await kernel.look();
      // What an agent before this one had placed.
      if (this.#kernel === null) this.#unclaimed.found(Object.keys(status.cameras));
      this.#kernel = { status, atS: nowS() };
    } catch (cause) {
      throw new RuthError('unreachable', `the kernel does not answer, so this node cannot hold cameras: ${(cause as Error).message}`, { cause });
    }
  }

  /** What the record of this node names is looked up, and the kernel told. */
  async #learn(): Promise<void> {
    const told = this.#told;
    const lease = this.lease;
    if (!told || !lease.holds || (this.#applied?.revision === told.revision && this.#applied.lease === lease)) return;
    // A renewal waits for this.
    const { missing, late } = await this.#own.learn(told.value?.cameras ?? {}, lease, () => lease === this.lease, this.#timing.renewEveryS);
    if (late > 0) this.#pause.end();
    // What is out of date will be told anew.
    if (!await this.#tellKernel() || missing > 0 || late > 0) return;
    this.#applied = { revision: told.revision, lease };
    // Where a camera moves, the leader waits for it.
    this.#pause.end();
  }

  /** What the kernel makes of a move is told to the leader at once: pictures are held back meanwhile. */
  async #followMoves(signal: AbortSignal): Promise<void> {
    const { kernel, nowS } = this.#options;
    while (this.#own.moves.isWaiting && !signal.aborted) {
      await delay(MOVES_LOOK_MS, undefined, { signal }).catch(() => undefined);
      const status = signal.aborted ? null : await kernel.look().catch(() => null);
      if (status === null || signal.aborted || !this.#own.moves.saw(status)) continue;
      this.#kernel = { status, atS: nowS() };
      this.#pause.end();
      return;
    }
  }

  /** True where nothing else is recorded now, but aside, than what is this node's. */
  async #tellKernel(): Promise<boolean> {
    // A lease that has not begun ends none that an agent before this one had: that ends by itself.
    if (this.lease.untilS === null && !this.lease.ended) return false;
    return this.#tried('kernel', this.#place(), 'the kernel could not be told what is placed here');
  }

  async #place(): Promise<void> {
    const { kernel, nowS } = this.#options;
    const { incarnation, untilS, endS } = this.lease;
    const { cameras: own, moves, read, unopened } = this.#own;
    // Without a lease, those whose settings are known are told all the same: a kernel that was started anew has none. Of one that ended a moment ago they are its own still.
    const told = untilS === null ? new Map([...this.#unclaimed.known, ...own]) : own;
    const status = await kernel.place({ incarnation, until_s: endS ?? nowS(), cameras: [...told.values()].map(({ camera }) => camera), aside: this.#unclaimed.idsBut(told), ...moves.forKernel(told, untilS !== null) });
    this.#kernel = { status, atS: nowS() };
    moves.saw(status);
    this.#unreached.saw(status.cameras);
    if (untilS !== null) this.#refusals.saw(read, { ...status.refused, ...Object.fromEntries(unopened) });
  }
}
