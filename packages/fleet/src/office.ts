// Whether this node leads the site, looks on as a deputy, or neither; and the placer that goes with it.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@ruth/transport';
import { Leadership } from './leadership.ts';
import type { LeaseTiming } from './node-lease.ts';
import { Placer } from './placer.ts';
import type { SiteStore } from './site-store.ts';

export interface OfficeOptions {
  readonly node: string;
  readonly store: SiteStore;
  readonly logger: Logger;
  readonly nowS: () => number;
  readonly timing: LeaseTiming;
}

const DEPUTIES = 2;
/** Between two looks whether the place is vacant; nobody is asked for that. */
const LOOK_EVERY_MS = 250;

/** A placer that looks on, and leads or not. */
interface Watch { readonly placer: Placer; readonly end: AbortController; leading: AbortController | null }

export class Office {
  readonly #options: OfficeOptions;
  readonly #leadership: Leadership;
  #watch: Watch | null = null;
  /** Where it ended by itself. */
  #notBeforeS = -Infinity;

  constructor(options: OfficeOptions) {
    this.#options = options;
    this.#leadership = new Leadership(options.store.leader, { node: options.node, incarnation: randomUUID() }, options.nowS, options.timing);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, nowS, timing, logger, node } = this.#options;
    const seen = Promise.withResolvers<void>();
    store.leader.watch((entry) => this.#leadership.saw(entry), { signal, id: 'leader', caughtUp: seen.resolve }).catch((cause: unknown) => logger.warn(`the leader of the site is not watched: ${(cause as Error).message}`));
    await Promise.race([seen.promise, delay(timing.silenceS * 1000, undefined, { signal }).catch(() => undefined)]);
    let renewedAtS = -Infinity;
    while (!signal.aborted) {
      const leadership = this.#leadership;
      if (leadership.leads ? nowS() - renewedAtS >= timing.renewEveryS : leadership.vacant) {
        renewedAtS = nowS();
        const deputies = this.#watch?.placer.living.filter((id) => id !== node).slice(0, DEPUTIES) ?? [];
        await leadership.renew(deputies).catch(() => false);
      }
      this.#settle();
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    this.#leave();
    await this.#leadership.resign().catch(() => undefined);
  }

  #settle(): void {
    const { leads, isDeputy } = this.#leadership;
    if (!leads && !isDeputy) return this.#leave();
    if (this.#options.nowS() < this.#notBeforeS) return;
    const watch = this.#watch ??= this.#observe();
    if (!leads) watch.leading?.abort();
    if (!leads || (watch.leading && !watch.leading.signal.aborted)) return;
    const leading = watch.leading = new AbortController();
    this.#options.logger.info('this node leads the site');
    void watch.placer.lead(AbortSignal.any([leading.signal, watch.end.signal])).catch(() => leading.abort());
  }

  #observe(): Watch {
    const { store, logger, nowS, timing } = this.#options;
    const watch: Watch = { placer: new Placer(store, logger, nowS, timing), end: new AbortController(), leading: null };
    watch.placer.observe(watch.end.signal).catch((cause: unknown) => {
      logger.warn(`the site is not looked at any more: ${(cause as Error).message}`);
      this.#notBeforeS = nowS() + timing.renewEveryS;
      if (this.#watch === watch) this.#leave();
    });
    return watch;
  }

  #leave(): void {
    this.#watch?.end.abort();
    this.#watch = null;
  }
}
