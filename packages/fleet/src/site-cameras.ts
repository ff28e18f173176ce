// The cameras of the site as whoever administers it reads and changes them: checked, sealed, and written against the revision that was seen, so that of two who
// change one at once the second is told. What is told of them has no credentials.
import { cameraUrlProblem, redactUrls, RuthError, SiteCamera, validator, type CameraChange, type CameraProbe, type NodeCamera, type SiteCameraProbe, type SiteCameraChange, type SitePlacingChange } from '@ruth/protocol';
import type { SiteKeys } from './site-keys.ts';
import { allOf, type Present } from './records.ts';
import type { SiteStore } from './site-store.ts';

const siteCamera = validator(SiteCamera);

/** Where a camera is, which nodes refused it, why no node that lives has it, and what it took where it ran last, as far as that is known. */
export interface Whereabouts { readonly node: string | null; readonly refused: string | null; readonly unplaced: string | null; readonly measuredCores: number | null }

export class SiteCameras {
  readonly #store: SiteStore;
  readonly #keys: () => SiteKeys;

  constructor(store: SiteStore, keys: () => SiteKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** `revision` as of `Records.put`; returns what lies there now. Throws `bad_request`, `conflict`, `invalid_state` where there is no key to seal with, `unreachable`. */
  async put(camera: SiteCamera, revision: number | null): Promise<Present<SiteCamera>> {
    for (const key of ['url', 'detect_url'] as const) {
      const url = camera.camera[key];
      const message = url === undefined ? null : cameraUrlProblem(url);
      if (message !== null) throw new RuthError('bad_request', `${key} ${message}`, { problems: [{ pointer: `/${key}`, message }] });
    }
    // Once more as it will be read: what is sealed is longer.
    const value = siteCamera.parse(this.#keys().seal(camera));
    return { value, revision: await this.#store.cameras.put(camera.camera.id, value, revision) };
  }

  /** Throws as `put`. */
  add(camera: SiteCamera): Promise<Present<SiteCamera>> {
    return this.put(camera, 0).catch((cause: unknown) => {
      throw RuthError.from(cause).code === 'conflict' ? new RuthError('conflict', `the site has a camera ${camera.camera.id} already; choose another id`, { cause }) : cause;
    });
  }

  /** Throws `camera_not_found`, and as `put`; `conflict` says that nothing was changed. */
  async change(id: string, { revision, camera, intent, placing }: SiteCameraChange): Promise<Present<SiteCamera>> {
    const present = await this.#present(id, revision);
    const next: SiteCamera = {
      ...changed(present, placing ?? {}), camera: changed(present.camera, camera ?? {}), ...(intent === undefined ? {} : { intent: { subscriptions: [], ...present.intent, ...intent } }),
    };
    return this.put(next, revision).catch(throwTold(id));
  }

  /** Throws `camera_not_found`, `conflict`, `unreachable`. */
  async remove(id: string, revision: number | null): Promise<void> {
    if (await this.#store.cameras.get(id).then((entry) => entry?.value ?? null) === null) throw notFound(id);
    await this.#store.cameras.delete(id, revision ?? undefined).catch(throwTold(id));
  }

  /** As the API tells of it. */
  describe({ value, revision }: Present<SiteCamera>, { node, refused, unplaced, measuredCores }: Whereabouts): NodeCamera {
    const { camera: config, intent, require, prefer, cost_cores: cost } = value;
    return {
      config: {
        ...config, url: redactUrls(config.url), ...(config.detect_url === undefined ? {} : { detect_url: redactUrls(config.detect_url) }),
        ...(config.onvif === undefined ? {} : { onvif: { url: config.onvif.url, ...(config.onvif.user === undefined ? {} : { user: config.onvif.user }) } }),
      },
      has_credentials: redactUrls(config.url) !== config.url, managed: true, subscriptions: intent?.subscriptions ?? [], scene: intent?.scene ?? {}, rules: intent?.rules ?? [], shared_rules: [],
      site: { ...(require === undefined ? {} : { require }), ...(prefer === undefined ? {} : { prefer }), ...(cost === undefined ? {} : { cost_cores: cost }), revision, node, refused, unplaced, measured_cores: measuredCores, credentials: this.#keys().credentialsOf(value) },
    };
  }

  /** What a process of this node that probes it is to be told, with its credentials. Throws `invalid_config` where they do not open here. */
  probeOf(camera: SiteCamera, { transport, seconds }: SiteCameraProbe): CameraProbe {
    const { url, transport: own } = this.#keys().open(camera).camera;
    const way = transport ?? own;
    return { url, ...(way === undefined ? {} : { transport: way }), ...(seconds === undefined ? {} : { seconds }) };
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

  async #present(id: string, revision: number): Promise<SiteCamera> {
    const entry = await this.#store.cameras.get(id);
    if (!entry?.value) throw notFound(id);
    if (entry.revision !== revision) throw meanwhile(id);
    return entry.value;
  }
}

const notFound = (id: string): RuthError => new RuthError('camera_not_found', `the site has no camera ${id}`);
const meanwhile = (id: string, cause?: unknown): RuthError => new RuthError('conflict', `the camera ${id} was changed by somebody else meanwhile; nothing of yours was changed`, { cause });

const throwTold = (id: string) => (cause: unknown): never => { throw RuthError.from(cause).code === 'conflict' ? meanwhile(id, cause) : cause; };

/** What is given is set, null takes a key away, the rest stays. */
function changed<T extends object>(before: T, change: CameraChange | SitePlacingChange): T {
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null && value !== undefined)) as T;
}
