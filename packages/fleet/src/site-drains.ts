// Nodes that are to have no cameras of the site: said here, done by the leader, who moves them to others without a gap.
import { RuthError } from '@ruth/protocol';
import type { SiteStore } from './site-store.ts';

export class SiteDrains {
  readonly #store: SiteStore;

  constructor(store: SiteStore) { this.#store = store; }

  /** One that is being drained already goes on with that. Throws `not_found`, `unreachable`. */
  async drain(node: string): Promise<void> {
    const row = await this.#store.nodes.get(node);
    if (!row?.value) throw notFound(node);
    await this.#store.drains.put(node, { since: Date.now() / 1000, cameras: Object.keys(row.value.cameras).length }, 0).catch((cause: unknown) => {
      if (RuthError.from(cause).code !== 'conflict') throw cause;
    });
  }

  /** It may have cameras again. Throws as `drain`. */
  async undrain(node: string): Promise<void> {
    if (await this.#store.drains.get(node).then((entry) => entry?.value ?? null) !== null) return this.#store.drains.delete(node);
    if (!(await this.#store.nodes.get(node))?.value) throw notFound(node);
  }
}

const notFound = (node: string): RuthError => new RuthError('not_found', `the site has no node ${node}`);
