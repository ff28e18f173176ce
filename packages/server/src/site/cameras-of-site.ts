// Cameras of the site, changed at any of its servers through the fleet process beside it: also while the node that has one is away.
import { NodeCamera, RuthError, validator, type CameraIntentUpdate, type CameraUpdate, type NewCamera, type SiteCamera, type SiteCameraChange, type SitePlacing } from '@ruth/protocol';
import Type from 'typebox';
import type { Upstream } from '../upstream.ts';
import type { Site, SiteMap } from './site.ts';

const nodeCamera = validator(NodeCamera);
const nodeCameras = validator(Type.Array(NodeCamera));
/** The fleet process waits for JetStream, and until it has heard of the change itself. */
const CHANGE_TIMEOUT_MS = 15_000;

export class CamerasOfSite {
  readonly #site: Site;
  readonly #fleet: Upstream;

  constructor(site: Site, fleet: Upstream) {
    this.#site = site;
    this.#fleet = fleet;
  }

  /** Whether it is one of the site, and of no node's own. */
  async has(id: string): Promise<boolean> { return (await this.#site.map())?.isOfSite(id) ?? false; }

  /** Throws `unreachable`, `timeout`. */
  async list(map: SiteMap): Promise<NodeCamera[]> { return (await this.#fleet.get('/v1/site/cameras', nodeCameras)).filter(({ config }) => map.isOfSite(config.id)); }

  get(id: string): Promise<NodeCamera> { return this.#fleet.get(`/v1/site/cameras/${id}`, nodeCamera); }

  /** Throws `conflict` where another node has one of that id, whether the site decides where it is or not. */
  async assertFree(id: string): Promise<void> {
    const map = await this.#site.map();
    const node = map?.nodeOf(id);
    if (map?.isOfSite(id) || node) throw new RuthError('conflict', `${node ? `the node ${node.id}` : 'the site'} has a camera ${id} already; choose another id`);
  }

  async add({ site, ...camera }: NewCamera & { readonly site: SitePlacing }): Promise<NodeCamera> {
    return this.#changed(this.#fleet.send('POST', '/v1/site/cameras', { camera, ...site } satisfies SiteCamera, nodeCamera, CHANGE_TIMEOUT_MS));
  }

  async change(id: string, { site, revision, ...camera }: CameraUpdate): Promise<NodeCamera> {
    return this.#put(id, { revision: stated(revision), ...(Object.keys(camera).length === 0 ? {} : { camera }), ...(site === undefined ? {} : { placing: site }) });
  }

  async changeIntent(id: string, { revision, ...intent }: CameraIntentUpdate): Promise<NodeCamera> { return this.#put(id, { revision: stated(revision), intent }); }

  async remove(id: string, revision: number | undefined): Promise<void> { await this.#changed(this.#fleet.send('DELETE', `/v1/site/cameras/${id}?revision=${stated(revision)}`, null, null, CHANGE_TIMEOUT_MS)); }

  #put(id: string, change: SiteCameraChange): Promise<NodeCamera> { return this.#changed(this.#fleet.send('PATCH', `/v1/site/cameras/${id}`, change, nodeCamera, CHANGE_TIMEOUT_MS)); }

  /** Who reads after a change finds it. */
  async #changed<T>(done: Promise<T>): Promise<T> {
    try {
      return await done;
    } finally {
      this.#site.forget();
    }
  }
}

/** Throws `bad_request`: who does not know what they change would take back what somebody else changed. */
function stated(revision: number | undefined): number {
  const message = 'is missing: a camera of the site is changed, or removed, in the revision that its settings tell';
  if (revision === undefined) throw new RuthError('bad_request', `revision ${message}`, { problems: [{ pointer: '/revision', message }] });
  return revision;
}
