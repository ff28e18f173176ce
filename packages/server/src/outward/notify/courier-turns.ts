// Which couriers of a site are this server's to run: those of its own node, and of nodes whose server is away, or that have none, as far as it has the same target. A turn ends by
// itself, by the clock of the database; a node's own server that is back has its turn within two rounds.
import { setTimeout as sleep } from 'node:timers/promises';
import { uptime } from 'node:os';
import { RuthError, type HearingConfig } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { StandInTurn, Store } from '../../store/index.ts';
import type { Courier } from './courier.ts';
import type { Target } from './targets.ts';

const TURN_S = 12;
const ROUND_MS = 4000;
/** Nothing is begun so shortly before a turn ends. */
const MARGIN_S = 2;

export interface CourierTurnsOptions {
  readonly store: Store;
  readonly logger: Logger;
  readonly targets: readonly Target[];
  /** Of this node. */
  readonly couriers: readonly Courier[];
  readonly timeZone: string | null;
  /** A courier to stand in. */
  readonly standIn: (target: Target, turn: { readonly node: string; readonly hears: readonly HearingConfig[] | null; readonly timeZone: string | null; readonly topics: string | null }) => Courier;
  readonly roundMs?: number;
}

interface StandIn { readonly courier: Courier; readonly stop: AbortController; readonly ended: Promise<void> }

const keyOf = ({ node, name }: { readonly node: string; readonly name: string }): string => `${node}/${name}`;

export class CourierTurns {
  readonly #options: CourierTurnsOptions;
  #own: ReadonlySet<string> = new Set();
  readonly #others = new Map<string, StandIn>();
  /** Those whose turn is given back once they have ended. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Of this machine's clock since boot, seconds: it counts while the machine is suspended, too. */
  #untilS = -Infinity;
  #unbrought: readonly string[] = [];
  #problem: string | null = null;

  constructor(options: CourierTurnsOptions) { this.#options = options; }

  /** Nodes of a target that this server stands in for. */
  nodesOf(target: string): string[] { return [...this.#others.values()].filter(({ courier: { name } }) => name === target).map(({ courier: { node } }) => node!).toSorted(); }
  /** Couriers of nodes that are away, whom no server stands in for: none has that target. */
  get unbrought(): readonly string[] { return this.#unbrought; }
  get others(): readonly Courier[] { return [...this.#others.values()].map(({ courier }) => courier); }

  /** Whether the courier of a node (null: of this one) to that target may begin to deliver. */
  mayBring(target: string, node: string | null): boolean { return uptime() < this.#untilS - MARGIN_S && (node === null ? this.#own.has(target) : this.#others.has(keyOf({ node, name: target }))); }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, roundMs = ROUND_MS } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#round();
        this.#problem = null;
      } catch (cause) {
        const { message } = RuthError.from(cause);
        if (this.#problem !== message && !signal.aborted) logger.warn(`whose turn it is to notify is not known at the moment: ${message}`);
        this.#problem = message;
      }
      // With jitter, so that many servers do not come at once.
      await sleep(roundMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
    for (const key of this.#others.keys()) this.#leave(key);
    await Promise.all(this.#leaving.values());
  }

  async #round(): Promise<void> {
    const { store, targets, timeZone, couriers, logger } = this.#options;
    const askedS = uptime();
    const { own, others, unbrought } = await store.write('takeCourierTurns', { targets: targets.map(({ name, address, hears, topics = null }) => ({ name, address, hears: JSON.stringify(hears), topics })), timeZone, forS: TURN_S, leaving: [...this.#leaving.keys()] });
    this.#untilS = askedS + TURN_S;
    const isNew = own.some((name) => !this.#own.has(name));
    this.#own = new Set(own);
    if (isNew) for (const courier of couriers) courier.poke();
    const kept = new Set(others.map(keyOf));
    for (const key of this.#others.keys()) if (!kept.has(key)) this.#leave(key);
    for (const turn of others) if (!this.#others.has(keyOf(turn)) && !this.#leaving.has(keyOf(turn))) this.#begin(turn);
    const missing = unbrought.map(keyOf);
    for (const key of missing) if (!this.#unbrought.includes(key)) logger.warn(`events of a node whose server is away wait: no server of the site has the target ${key} under the same name and address`);
    this.#unbrought = missing;
  }

  #begin(turn: StandInTurn): void {
    const { targets, standIn, timeZone, logger } = this.#options;
    const courier = standIn(targets.find(({ name }) => name === turn.name)!, { node: turn.node, hears: turn.hears === null ? null : JSON.parse(turn.hears) as HearingConfig[], timeZone: turn.hears === null ? timeZone : turn.timeZone, topics: turn.topics });
    const stop = new AbortController();
    logger.info(`events of ${turn.node} to ${turn.name} are brought from here: that node has no server at the moment`);
    // It begins once it stands there: it looks whether it may.
    this.#others.set(keyOf(turn), { courier, stop, ended: Promise.resolve().then(() => courier.run(stop.signal)) });
  }

  /** What is being delivered is waited for, and noted, before another server begins. */
  #leave(key: string): void {
    const { stop, ended } = this.#others.get(key)!;
    this.#others.delete(key);
    stop.abort();
    this.#leaving.set(key, ended.then(() => this.#options.store.write('leaveCourierTurns', [key])).catch(() => undefined).finally(() => this.#leaving.delete(key)));
  }
}
