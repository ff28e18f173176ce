// Nodes that are to have no cameras of the site: said here, done by the leader, who moves them to others without a gap.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { allOf } from './records.ts';
import type { SiteStore } from './site-store.ts';

const LOOK_EVERY_MS = 500;
const MOST_NAMED = 16;

export class SiteDrains {
  readonly #store: SiteStore;

  constructor(store: SiteStore) { this.#store = store; }

  /** One that is being drained already goes on with that. Throws `not_found`, `unreachable`. */
  async drain(node: string, { untilStart = false }: { /** The node takes it back when it starts. */ readonly untilStart?: boolean } = {}): Promise<void> {
    const row = await this.#store.nodes.get(node);
    if (!row?.value) throw await this.#notFound(node);
    await this.#store.drains.put(node, { since: Date.now() / 1000, cameras: Object.keys(row.value.cameras).length, ...(untilStart ? { until_start: true } : {}) }, 0).catch((cause: unknown) => {
      if (RuthError.from(cause).code !== 'conflict') throw cause;
    });
  }

  /** It may have cameras again. Throws as `drain`. */
  async undrain(node: string): Promise<void> {
    if (await this.#store.drains.get(node).then((entry) => entry?.value ?? null) !== null) return this.#store.drains.delete(node);
    if (!(await this.#store.nodes.get(node))?.value) throw await this.#notFound(node);
  }

  /** Of a node that starts: it was drained to be ended. */
  async started(node: string): Promise<void> {
    const present = await this.#store.drains.get(node);
    if (present?.value?.until_start === true) await this.#store.drains.delete(node, present.revision);
  }

  /** Waits until a node that is being drained has no cameras, `limitS` at most, and no longer than another node lives that may take them. Those that it has still. */
  async emptied(node: string, limitS: number): Promise<string[]> {
    for (const begunMs = performance.now(); ; await delay(LOOK_EVERY_MS)) {
      const nodes = await allOf(this.#store.nodes);
      const { cameras = {}, draining = false, revoked = true } = nodes.get(node)?.value ?? {};
      const left = Object.keys(cameras);
      if (revoked || (draining && left.length === 0)) return [];
      const others = [...nodes].some(([id, { value: other }]) => id !== node && !other.revoked && !other.draining);
      if (!others || performance.now() - begunMs > limitS * 1000) return left;
    }
  }

  async #notFound(node: string): Promise<RuthError> {
    const known = [...(await allOf(this.#store.nodes)).keys()].sort();
    return new RuthError('not_found', `the site has no node ${node}; it has ${known.length === 0 ? 'none yet' : known.slice(0, MOST_NAMED).join(', ')}${known.length > MOST_NAMED ? ', ...' : ''}`);
  }
}
