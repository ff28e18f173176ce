// The cameras of a running node, and what shall be at each: changed in ruth.yaml first, which is checked as a whole, then told to
// kernel and core. One that is away learns it from the file when it starts. Changes come one after another.
import { existsSync } from 'node:fs';
import {
  redactUrls, RuthError, type CameraChange, type CameraConfig, type CameraIntent, type CameraIntentChange, type CameraProbe, type CameraSearch, type DiscoverRequest, type NodeCamera, type ProbeRequest, type Settings,
} from '@ruth/protocol';
import { assertCameraUrls, type Logger } from '@ruth/transport';
import { extraCameras, resolveSettings, settingsFileOf, type SettingsSource } from '../settings/resolve-settings.ts';
import { SettingsFile } from '../settings/settings-file.ts';
import { cameraConfig, cameraForNode } from '../settings/settings-text.ts';
import { RunningNode } from './running-node.ts';

export interface NodeCamerasOptions {
  readonly source: SettingsSource;
  readonly socketDirectory: string;
  readonly logger: Logger;
}

const PROBE_S = 5;
const SEARCH_S = 3;

export class NodeCameras {
  readonly #options: NodeCamerasOptions;
  readonly #node: RunningNode;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: NodeCamerasOptions) {
    this.#options = options;
    this.#node = new RunningNode(options);
  }

  /** Throws `invalid_config` where the file is wrong at the moment. */
  list(): NodeCamera[] {
    const settings = this.#settings();
    return settings.cameras.map(({ id }) => this.#describe(settings, id));
  }

  /** Throws `camera_not_found`. */
  get(id: string): NodeCamera { return this.#describe(this.#settings(), id); }

  /** Throws `conflict` where there is one of that id, `bad_request`, `invalid_config`. */
  add(config: CameraConfig): Promise<NodeCamera> {
    return this.#change(async () => {
      await this.#assertUrls(config);
      if (this.#settings().cameras.some(({ id }) => id === config.id)) throw new RuthError('conflict', `there is a camera ${config.id} already; choose another id`);
      this.#write((file) => file.putCamera(config));
      return this.#tell(config.id, (settings) => this.#node.putCamera(...cameraForNode(settings, config.id)));
    });
  }

  /** Throws `camera_not_found`, `bad_request`, `invalid_state` for one that the file does not name. */
  change(id: string, change: CameraChange): Promise<NodeCamera> {
    return this.#change(async () => {
      await this.#assertUrls(change);
      this.#assertManaged(id);
      this.#write((file) => file.changeCamera(id, change));
      return this.#tell(id, (settings) => this.#node.putCamera(...cameraForNode(settings, id)));
    });
  }

  /** What it recorded stays. Throws `camera_not_found`, `invalid_state` for one that the file does not name. */
  remove(id: string): Promise<void> {
    return this.#change(async () => {
      this.#assertManaged(id);
      this.#write((file) => { file.removeCamera(id); });
      await this.#ifThere(() => this.#node.removeCamera(id));
    });
  }

  /** Which models look at the camera, its scene, its rules. Throws `camera_not_found`, `invalid_config` naming the place. */
  changeIntent(id: string, change: CameraIntentChange): Promise<NodeCamera> {
    return this.#change(async () => {
      const settings = this.#settings();
      const camera = cameraOf(settings, id);
      const ofAll = settings.subscriptions.filter((subscription) => subscription.camera === id);
      this.#write((file) => {
        // A camera that a command brought along is named in the file from now on, for what was said of it; its address stays the command's.
        const isNamed = file.has(id);
        if (!isNamed) file.putCamera(cameraConfig(camera));
        // And with it all that it began with: what the file says of a camera counts as a whole.
        const begun = isNamed ? null : this.#begunIntent(id);
        const subscriptions = ofAll.map(({ camera: _, ...subscription }) => subscription);
        file.putIntent(id, begun ? { ...begun, subscriptions, ...change } : change, file.defaultSubscriptions(ofAll));
      });
      return this.#tell(id, (changed) => this.#node.putIntent(id, cameraForNode(changed, id)[1]));
    });
  }

  /** The model was switched on, or is gone: core, which may have begun without it, is told anew who looks at the cameras. */
  tellOfModels(): Promise<void> {
    return this.#change(async () => {
      const settings = this.#settings();
      for (const { id } of settings.cameras) await this.#ifThere(() => this.#node.putIntent(id, cameraForNode(settings, id)[1]));
    });
  }

  /** What a process that probes is to be told. Throws `bad_request`, `camera_not_found`. */
  async probeTask({ url, camera_id: id, transport, seconds = PROBE_S }: CameraProbe): Promise<ProbeRequest> {
    if ((url === undefined) === (id === undefined)) throw new RuthError('bad_request', 'give either url or camera_id');
    if (url !== undefined) {
      await this.#assertUrls({ url });
      return { url, transport: transport ?? null, detect_stream: false, seconds, addresses: this.#settings().cameraAddresses };
    }
    const settings = this.#settings();
    const camera = cameraOf(settings, id!);
    return { url: camera.url, transport: transport ?? camera.transport, detect_stream: camera.detectUrl !== null, seconds, addresses: settings.cameraAddresses };
  }

  /** What a process that searches is to be told. Throws `bad_request`. */
  searchTask({ timeout_s: timeoutS = SEARCH_S, user, password }: CameraSearch): DiscoverRequest {
    if (user === undefined && password !== undefined) throw new RuthError('bad_request', 'a password without a user');
    return { timeout_ms: Math.round(timeoutS * 1000), interface: null, credentials: user === undefined ? null : { user, password: password ?? '' }, addresses: this.#settings().cameraAddresses };
  }

  #assertUrls(change: CameraChange): Promise<void> { return assertCameraUrls(change, this.#settings().cameraAddresses); }

  #settings(): Settings { return resolveSettings(this.#options.source); }

  #describe(settings: Settings, id: string): NodeCamera {
    const camera = cameraOf(settings, id);
    const config = cameraConfig(camera);
    const { subscriptions, scene, rules } = cameraForNode(settings, id)[1];
    const file = this.#file();
    const own = file?.has(id) ? file.ownRuleIds(id) : new Set(this.#begunIntent(id)?.rules?.map((rule) => rule.id));
    return {
      config: {
        ...config, url: redactUrls(config.url), ...(config.detect_url === undefined ? {} : { detect_url: redactUrls(config.detect_url) }),
        ...(config.onvif === undefined ? {} : { onvif: { url: config.onvif.url, ...(config.onvif.user === undefined ? {} : { user: config.onvif.user }) } }),
      },
      has_credentials: redactUrls(config.url) !== config.url, managed: this.#isManaged(id),
      subscriptions: subscriptions.map(({ camera: _, ...subscription }) => subscription), scene, rules: rules.filter((rule) => own.has(rule.id)), shared_rules: rules.filter((rule) => !own.has(rule.id)),
    };
  }

  /** What a camera that a command brought along began with; null where that is nothing of its own. */
  #begunIntent(id: string): CameraIntent | null {
    const { extraCamera, extraIntent } = this.#options.source;
    return extraCamera?.id === id ? extraIntent ?? null : null;
  }

  /** Null where there is none yet. */
  #file(): SettingsFile | null {
    const path = settingsFileOf(this.#options.source);
    return path === undefined || !existsSync(path) ? null : SettingsFile.read(path);
  }

  #isManaged(id: string): boolean {
    return !extraCameras(this.#options.source).some((camera) => camera.id === id) && (this.#file()?.has(id) ?? false);
  }

  #assertManaged(id: string): void {
    cameraOf(this.#settings(), id);
    if (!this.#isManaged(id)) throw new RuthError('invalid_state', `${id} was brought along by the command that started this node, and is as that says; its zones, rules and models can be changed`);
  }

  #write(change: (file: SettingsFile) => void): void {
    const path = settingsFileOf(this.#options.source);
    if (path === undefined) throw new RuthError('invalid_state', 'this node has no settings file to keep a change in');
    const file = SettingsFile.read(path);
    change(file);
    file.write();
  }

  /** The file has it; what runs is told. */
  async #tell(id: string, tell: (settings: Settings) => Promise<void>): Promise<NodeCamera> {
    const settings = this.#settings();
    await this.#ifThere(() => tell(settings));
    return this.#describe(settings, id);
  }

  async #ifThere(tell: () => Promise<void>): Promise<void> {
    try {
      await tell();
    } catch (cause) {
      const error = RuthError.from(cause);
      if (error.code !== 'unreachable' && error.code !== 'shutting_down') throw new RuthError(error.code, `it stands in the settings file, but what runs refused it: ${error.message}`, { cause });
      this.#options.logger.warn(`${error.message}: it learns the change from the file when it starts`);
    }
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changes.then(change);
    this.#changes = changed.catch(() => undefined);
    return changed;
  }
}

function cameraOf(settings: Settings, id: string): Settings['cameras'][number] {
  const camera = settings.cameras.find((one) => one.id === id);
  if (!camera) throw new RuthError('camera_not_found', `there is no camera ${id}`);
  return camera;
}
