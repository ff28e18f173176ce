// The way to one model for all subscriptions that want it. As many looks are in flight as its container can use, so that a frame
// does not grow old in a queue there; the next one is of the subscription that had least for its weight. A model that cannot
// serve all so lowers them to max-min fair shares: who asks for little gets it, the others alike, priority weighed, nobody none,
// and each at even intervals. What waits is a claim, never a picture.
//
// Worst-case fair weighted fair queueing, WF2Q+: J. Bennett, H. Zhang, Hierarchical packet fair queueing algorithms, 1997.
import type { ModelDispatch } from '@ruth/protocol';
import type { Telemetry } from '@ruth/transport';
import type { Clock } from '../clock.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { ModelEndpoint } from './look.ts';
import { LookTrace } from './look-trace.ts';
import { StageHistograms } from './stage-histograms.ts';

/** So many points of priority more double the share: 100 against 0 is 32 to 1. */
const POINTS_TO_DOUBLE = 20;
export const DEFAULT_PRIORITY = 50;

/** What came of a look, as far as it tells whether the container works. */
export type LookReport = 'succeeded' | 'failed' | 'unknown';

/** What a look asks of its container. */
export interface Turn {
  readonly requests: number;
  /** Of them, how many are in flight side by side. */
  readonly atOnce: number;
}

/** A subscription's place in the order. */
export class Claim {
  readonly weight: number;
  /** Its turn has come: begins a look, or returns null where there is nothing to look at any more. */
  readonly begin: () => Turn | null;
  /** Virtual times of its next look's start and of its last one's end. */
  startTag = 0;
  endTag = 0;
  isWaiting = false;

  /** `priority` 0 to 100. */
  constructor(priority: number, begin: () => Turn | null) {
    this.weight = 2 ** (priority / POINTS_TO_DOUBLE);
    this.begin = begin;
  }
}

export interface ModelAccessOptions {
  readonly modelId: string;
  readonly clock: Clock;
  /** The model's container, or null while it is down. */
  endpoint(): ModelEndpoint | null;
  /** Where looks are traced; nowhere unless told. */
  readonly telemetry?: Telemetry | null;
}

export class ModelAccess {
  readonly modelId: string;
  readonly histograms = new StageHistograms();
  readonly breaker: CircuitBreaker;
  readonly #options: ModelAccessOptions;
  /** In the order in which they came. No Set: one that takes and gives back with each look keeps what it left behind from being collected (docs/design/findings.md). */
  readonly #waiting: Claim[] = [];
  #inFlight = 0;
  /** Weights of those whose looks are in flight. */
  #weightInFlight = 0;
  /** Requests for each point of weight that a model shared out to the last would have answered by now. */
  #virtualTime = 0;
  #granting = false;

  constructor(options: ModelAccessOptions) {
    this.modelId = options.modelId;
    this.breaker = new CircuitBreaker(options.clock);
    this.#options = options;
  }

  get endpoint(): ModelEndpoint | null { return this.#options.endpoint(); }

  /** Of a subscription that follows the looks of `sourceModelId`; null where nothing is traced. */
  traceOf(sourceModelId: string | null): LookTrace | null {
    const { telemetry = null, clock } = this.#options;
    return telemetry && new LookTrace(telemetry, clock, { modelId: this.modelId, sourceModelId });
  }

  status(): ModelDispatch {
    return { places: this.endpoint?.places ?? 0, in_flight: this.#inFlight, waiting: this.#waiting.length, circuit: this.breaker.state };
  }

  /** Wants a look; `begin` is called when its turn comes, perhaps at once. */
  enter(claim: Claim): void {
    if (claim.isWaiting) return;
    // Who did not want one for a while has saved nothing up.
    claim.startTag = Math.max(this.#virtualTime, claim.endTag);
    claim.isWaiting = true;
    this.#waiting.push(claim);
    this.#grant();
  }

  /** Wants none any more. */
  withdraw(claim: Claim): void {
    if (!claim.isWaiting) return;
    claim.isWaiting = false;
    this.#waiting.splice(this.#waiting.indexOf(claim), 1);
  }

  /** A look that `begin` began is over. */
  leave(claim: Claim, { atOnce }: Turn, report: LookReport): void {
    this.#inFlight -= atOnce;
    this.#weightInFlight = this.#inFlight === 0 ? 0 : this.#weightInFlight - claim.weight;
    this.breaker[report]();
    this.#grant();
  }

  #grant(): void {
    // A claim that begins may enter or leave others.
    if (this.#granting) return;
    this.#granting = true;
    // Without a container nobody waits: each is told.
    while (this.#waiting.length > 0 && this.#inFlight < (this.endpoint?.places ?? Infinity)) {
      const claim = this.#next();
      this.withdraw(claim);
      const turn = claim.begin();
      if (turn === null) continue;
      this.#inFlight += turn.atOnce;
      this.#weightInFlight += claim.weight;
      claim.endTag = claim.startTag + turn.requests / claim.weight;
      let weight = this.#weightInFlight;
      for (const waiting of this.#waiting) weight += waiting.weight;
      this.#virtualTime += turn.requests / weight;
    }
    this.#granting = false;
  }

  /** Of those whose time to start has come, the one that would end first; the one that waits longest where that is the same. */
  #next(): Claim {
    let first = Infinity;
    for (const { startTag } of this.#waiting) first = Math.min(first, startTag);
    this.#virtualTime = Math.max(this.#virtualTime, first);
    let next: Claim | null = null;
    for (const claim of this.#waiting) {
      if (claim.startTag <= this.#virtualTime && (next === null || claim.startTag + 1 / claim.weight < next.startTag + 1 / next.weight)) next = claim;
    }
    return next!;
  }
}
