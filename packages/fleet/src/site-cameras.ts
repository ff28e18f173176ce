// The cameras of the site as whoever administers it changes them: checked, sealed, and written against the revision that was seen.
import { cameraUrlProblem, RuthError, SiteCamera, validator } from '@ruth/protocol';
import type { SiteKeys } from './site-keys.ts';
import { allOf, type SiteStore } from './site-store.ts';

const siteCamera = validator(SiteCamera);

export class SiteCameras {
  readonly #store: SiteStore;
  readonly #keys: () => SiteKeys;

  constructor(store: SiteStore, keys: () => SiteKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** `revision` as of `Records.put`; returns the new one. Throws `bad_request`, `conflict`, `invalid_state` where there is no key to seal with, `unreachable`. */
  async put(camera: SiteCamera, revision: number | null): Promise<number> {
    for (const key of ['url', 'detect_url'] as const) {
      const url = camera.camera[key];
      const message = url === undefined ? null : cameraUrlProblem(url);
      if (message !== null) throw new RuthError('bad_request', `${key} ${message}`, { problems: [{ pointer: `/${key}`, message }] });
    }
    // Once more as it will be read: what is sealed is longer.
    return this.#store.cameras.put(camera.camera.id, siteCamera.parse(this.#keys().seal(camera)), revision);
  }

  /** Nodes that live and could not open what is sealed here. */
  async nodesWithoutKey(): Promise<string[]> {
    const [first] = this.#keys().ids;
    const nodes = await allOf(this.#store.nodes);
    return first === undefined ? [] : [...nodes].filter(([, { value: { revoked, key_ids: ids = [] } }]) => !revoked && !ids.includes(first)).map(([id]) => id).toSorted();
  }

  /**
   * Seals with the newest key what lies in the clear or is sealed with an older one. `left`: cameras that were changed meanwhile, or whose key is not here. Throws `invalid_state` where there is no key, or a
   * node that lives does not have it, unless that is `accepted`: it would lose its cameras.
   */
  async sealAll({ accepted = false } = {}): Promise<{ sealed: string[]; left: string[] }> {
    const keys = this.#keys();
    if (keys.ids.length === 0) throw new RuthError('invalid_state', `this node has no key of the site (${keys.path}): ruth site key make`);
    const without = accepted ? [] : await this.nodesWithoutKey();
    if (without.length > 0) throw new RuthError('invalid_state', `these nodes do not have the key ${keys.ids[0]}, and could not open what is sealed with it: ${without.join(', ')}. Bring ${keys.path} there first; a running node finds it by itself within seconds`);
    const [sealed, left]: [string[], string[]] = [[], []];
    for (const [id, { value, revision }] of await allOf(this.#store.cameras)) {
      const state = keys.credentialsOf(value);
      if (state === 'none' || state === 'sealed') continue;
      const isWritten = state !== 'unknown_key' && await this.#store.cameras.put(id, siteCamera.parse(keys.seal(value, { anew: true })), revision).then(() => true, (cause: unknown) => {
        if (RuthError.from(cause).code === 'conflict') return false;
        throw cause;
      });
      (isWritten ? sealed : left).push(id);
    }
    return { sealed, left };
  }
}
