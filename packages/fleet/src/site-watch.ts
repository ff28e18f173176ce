// What a node knows of its site, for the server beside it: which nodes there are, where each is reached, and who has which camera. Looks on
// only while somebody asks: at rest a node hears of itself alone.
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { redactUrls, RuthError, type CameraPlacement, type SiteCamera, type SiteDrain, type SiteNode, type SiteNodesDetails, type SiteOutbox, type SiteView } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { LEASE_TIMING } from './node-lease.ts';
import type { Whereabouts } from './site-cameras.ts';
import { CameraCosts } from './camera-costs.ts';
import { SiteReckoning } from './site-reckoning.ts';
import type { Entry, Present, Records } from './records.ts';
import type { SiteStore } from './site-store.ts';

/** Nobody has asked for so long: it stops to look on. */
const IDLE_MS = 60_000;
const FIRST_LOOK_LIMIT_MS = 4000;

interface Heard { readonly node: SiteNode; /** When its last change came, by the clock since boot. */ readonly atS: number; /** Likewise, UTC. */ readonly seenMs: number }

export interface SiteWatchOptions {
  readonly node: string;
  readonly store: SiteStore;
  readonly logger: Logger;
  readonly nowS: () => number;
}

export class SiteWatch implements Disposable {
  readonly #options: SiteWatchOptions;
  readonly #nodes = new Map<string, Heard>();
  readonly #cameras = new Map<string, Present<SiteCamera>>();
  readonly #placements = new Map<string, CameraPlacement>();
  readonly #costs = new CameraCosts();
  readonly #drains = new Map<string, SiteDrain>();
  readonly #outboxes = new Map<string, { readonly outbox: SiteOutbox; readonly toldMs: number }>();
  #leader: string | null = null;
  #view: SiteView | null = null;
  #isStale = true;
  #looking: { readonly end: AbortController; readonly caughtUp: Promise<unknown> } | null = null;
  #idle: NodeJS.Timeout | undefined;
  #isConnected = true;

  constructor(options: SiteWatchOptions) {
    this.#options = options;
    void this.#followConnection();
  }

  /** Null where nothing is newer than the revision `known`. Throws `unreachable` where JetStream told nothing yet. */
  async view(known: number | null = null): Promise<SiteView | null> {
    await this.#lookOn();
    this.#settle();
    return this.#view!.revision === known ? null : this.#view;
  }

  /** Whether NATS is heard of now. */
  get isConnected(): boolean { return this.#isConnected; }

  /** Those of the site, as they were heard of last. Throws as `view`. */
  async cameras(): Promise<ReadonlyMap<string, Present<SiteCamera>>> {
    await this.#lookOn();
    return this.#cameras;
  }

  /** What the nodes tell of themselves, and what is counted of them. Throws as `view`. */
  async details(): Promise<SiteNodesDetails> {
    await this.#lookOn();
    const reckoning = this.reckon();
    return Object.fromEntries([...this.#nodes.keys()].toSorted().map((id) => [id, reckoning.detailsOf(id)]));
  }

  isDraining(id: string): boolean { return this.#drains.has(id); }

  /** `reckoning`: for several at once. */
  whereabouts(id: string, reckoning: SiteReckoning = this.reckon()): Whereabouts {
    const refused = [...this.#nodes].flatMap(([node, { node: { revoked, refused: reasons } }]) => (revoked || reasons[id] === undefined ? [] : [`${node}: ${reasons[id]}`]));
    return { node: this.#holderOf(id), refused: refused.length === 0 ? null : refused.join('; '), unplaced: reckoning.obstacleOf(id), measuredCores: this.#costs.measured(id) };
  }

  /** The node whose ruth.yaml has it, among those that were not taken for gone. */
  ownerOf(id: string): string | null { return [...this.#nodes].find(([, { node }]) => !node.revoked && node.own?.includes(id))?.[0] ?? null; }

  async #lookOn(): Promise<void> {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#stop(), IDLE_MS).unref();
    const { caughtUp } = this.#looking ??= this.#look();
    const seen = await Promise.race([caughtUp.then(() => true), delay(FIRST_LOOK_LIMIT_MS, false, { ref: false })]);
    if (!seen) throw new RuthError('unreachable', 'JetStream does not tell what the site is at the moment');
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idle);
    this.#stop();
  }

  #stop(): void {
    this.#looking?.end.abort();
    this.#looking = null;
  }

  #look(): { end: AbortController; caughtUp: Promise<unknown> } {
    const { store, nowS, logger } = this.#options;
    const end = new AbortController();
    for (const known of [this.#nodes, this.#cameras, this.#placements, this.#costs, this.#drains, this.#outboxes]) known.clear();
    this.#leader = null;
    const watch = <T>(records: Records<T>, onEntry: (entry: Entry<T>) => void, id?: string): Promise<void> => {
      const caughtUp = Promise.withResolvers<void>();
      records.watch((entry) => { if (!end.signal.aborted) onEntry(entry); }, { signal: end.signal, caughtUp: caughtUp.resolve, ...(id === undefined ? {} : { id }) }).then(() => {
        if (!end.signal.aborted) throw new RuthError('unreachable', 'JetStream ended a watch');
      }).catch((cause: unknown) => {
        logger.warn({ code: RuthError.from(cause).code }, `the site is not looked at any more, for the page: ${(cause as Error).message}`);
        caughtUp.reject(new RuthError('unreachable', `the site cannot be looked at: ${(cause as Error).message}`));
        if (this.#looking?.end === end) this.#stop();
        end.abort();
      });
      return caughtUp.promise;
    };
    const caughtUp = Promise.all([
      watch(store.nodes, ({ key, value, createdMs }) => {
        const before = this.#nodes.get(key);
        // One that is told before anything else may be old; when it was written is all that is known of it.
        if (value) this.#nodes.set(key, { node: value, atS: nowS(), seenMs: before ? Date.now() : createdMs });
        else this.#nodes.delete(key);
        if (value) this.#costs.saw(value);
        this.#isStale ||= !value || !before || !isAlike(before.node, value);
      }),
      watch(store.cameras, ({ key, value, revision }) => {
        this.#keep(this.#cameras, key, value && { value, revision });
        if (!value) this.#costs.forget(key);
      }),
      watch(store.placements, ({ key, value }) => this.#keep(this.#placements, key, value)),
      watch(store.drains, ({ key, value }) => this.#keep(this.#drains, key, value)),
      // Of these the view tells nothing.
      watch(store.outboxes, ({ key, value, createdMs }) => { if (value) this.#outboxes.set(key, { outbox: value, toldMs: createdMs }); else this.#outboxes.delete(key); }),
      watch(store.leader, ({ value }) => { this.#leader = value?.node ?? null; }, 'leader'),
    ]);
    caughtUp.catch(() => undefined);
    return { end, caughtUp };
  }

  #keep<T>(known: Map<string, T>, key: string, value: T | null): void {
    if (value) known.set(key, value); else known.delete(key);
    this.#isStale = true;
  }

  /** The view is as what is known. Time alone makes a node be away. */
  #settle(): void {
    const nodes = Object.fromEntries([...this.#nodes].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([id, heard]) => [id, this.#nodeOf(id, heard)]));
    const present = this.#view?.nodes;
    if (present && !this.#isStale && Object.entries(nodes).every(([id, { state }]) => present[id]?.state === state)) return;
    this.#isStale = false;
    const reckoning = this.reckon();
    this.#view = {
      revision: (this.#view?.revision ?? 0) + 1, node: this.#options.node, nodes,
      cameras: Object.fromEntries([...this.#cameras].map(([id, { value: { camera } }]) => {
        const { node, refused, unplaced } = this.whereabouts(id, reckoning);
        return [id, { node, name: camera.name ?? id, url: redactUrls(camera.url), ...(refused === null ? {} : { refused }), ...(unplaced === null ? {} : { unplaced }) }];
      })),
    };
  }

  /** As of now. */
  reckon(): SiteReckoning {
    return new SiteReckoning({ nodes: this.#nodes, cameras: this.#cameras, placements: this.#placements, costs: this.#costs, drains: this.#drains, outboxes: this.#outboxes, leader: this.#leader });
  }

  /** While it moves, the one that records it. */
  #holderOf(camera: string): string | null {
    const placement = this.#placements.get(camera);
    return placement?.from?.node ?? placement?.node ?? null;
  }

  #nodeOf(id: string, { node, atS, seenMs }: Heard): SiteView['nodes'][string] {
    const isSilent = node.revoked || this.#options.nowS() - atS >= LEASE_TIMING.leaseS;
    const state = !this.#isConnected ? 'unknown' : isSilent ? 'away' : this.#drains.has(id) ? 'draining' : 'lives';
    return { state, since: state === 'lives' || state === 'draining' ? null : seenMs / 1000, server_url: node.server_url ?? null, own: node.own ?? [], recorded: node.recorded ?? [] };
  }

  async #followConnection(): Promise<void> {
    for await (const { type } of this.#options.store.connection.status()) {
      if (type === 'disconnect') this.#isConnected = false;
      else if (type === 'reconnect') this.#isConnected = true;
    }
  }
}

/** In what the view tells of it, and by which cameras are placed: not that it lives, nor what its cameras cost at the moment. */
const isAlike = (one: SiteNode, other: SiteNode): boolean => toldBy.every((key) => isDeepStrictEqual(one[key], other[key]));
const toldBy = ['server_url', 'own', 'recorded', 'refused', 'refused_settings', 'labels', 'capacity_cores', 'revoked'] as const;
