// `ruth.yaml` as a file that people wrote: a change keeps their comments, their order and the file's mode, is checked as a whole
// before anything is written, and takes the place of the file in one step.
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type CameraChange, type CameraConfig, type CameraIntentChange, type CameraSubscription, DEFAULT_DATA_DIRECTORY, DEFAULT_SUBSCRIPTIONS, type ModelConfig, parseSettings, RuthError, SCENE_KEYS, type Settings, type SubscriptionConfig } from '@ruth/protocol';
import { keyFileOf, openSettings, readIfThere, replaceFile } from '@ruth/transport';
import { Document, isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { sealCredentials } from './seal-credentials.ts';

export class SettingsFile {
  readonly path: string;
  /** What stood there when it was read; null where there was no file. */
  readonly #text: string | null;
  readonly #document: Document;

  private constructor(path: string, text: string | null) {
    this.path = path;
    this.#text = text;
    this.#document = text === null ? new Document({}) : parseDocument(text, { logLevel: 'error' });
  }

  /** A file that is not there yet is empty. Throws `invalid_config` for one that is wrong or cannot be read. */
  static read(path: string): SettingsFile {
    const text = readIfThere(path);
    if (text !== null) parseSettings(text, path);
    return new SettingsFile(path, text);
  }

  /** With sealed credentials opened. */
  get settings(): Settings { return this.#opened(parseSettings(this.#document.toString(), this.path)); }

  has(cameraId: string): boolean { return this.#indexOf(cameraId) >= 0; }

  /** Adds the camera as the last one, or sets the given keys of the one that is there. */
  putCamera(camera: CameraConfig): void {
    const index = this.#indexOf(camera.id);
    if (index >= 0) {
      const node = this.#cameras()!.items[index] as YAMLMap;
      for (const [key, value] of Object.entries(camera)) this.#set(node, key, value);
      return;
    }
    // A file of comments alone has no contents to add to.
    if (!isMap(this.#document.contents)) this.#document.contents = this.#document.createNode({});
    const cameras = this.#cameras();
    if (cameras === null) this.#document.setIn(['cameras'], this.#document.createNode([camera]));
    else {
      if (cameras.items.length === 0) cameras.flow = false;
      cameras.add(this.#document.createNode(camera));
    }
  }

  /** Sets the keys that are given, and takes those away that are null. Throws `camera_not_found`. */
  changeCamera(cameraId: string, change: CameraChange): void {
    const node = this.#camera(cameraId);
    for (const [key, value] of Object.entries(change)) {
      if (value === null) deleteKey(node, key);
      else this.#set(node, key, value);
    }
  }

  /** What shall be at the camera; parts that are not given stay. What is the same keeps its comments. Throws `camera_not_found`. */
  putIntent(cameraId: string, { scene, subscriptions, rules }: CameraIntentChange, unlessDeclared: readonly SubscriptionConfig[]): void {
    const node = this.#camera(cameraId);
    for (const key of scene === undefined ? [] : SCENE_KEYS) {
      const value = scene![key];
      if (isDeepStrictEqual(this.#json(node.get(key)), value)) continue;
      if (value === undefined || (Array.isArray(value) && value.length === 0)) deleteKey(node, key);
      else node.set(key, Array.isArray(value) ? this.#lines(value) : this.#document.createNode(value, { flow: true }));
    }
    if (rules !== undefined) this.#putOf(cameraId, 'rules', rules.map(({ id, ...rule }) => ({ id, camera: cameraId, ...rule })));
    if (subscriptions !== undefined) this.#putSubscriptions(cameraId, subscriptions, unlessDeclared);
  }

  /** A line for one camera stands above a line for all: only what differs gets a line of its own, and what is not wanted is switched off. */
  #putSubscriptions(cameraId: string, wanted: readonly CameraSubscription[], unlessDeclared: readonly SubscriptionConfig[]): void {
    if (this.#list('subscriptions') === null) this.#document.setIn(['subscriptions'], this.#lines(unlessDeclared));
    const zones = (this.#json(this.#camera(cameraId).get('zones')) ?? []) as readonly { readonly id: string }[];
    const all = (this.#list('subscriptions')!.toJSON() as SubscriptionConfig[]).filter(({ camera, zone }) => camera === '*' && (zone === undefined || zones.some(({ id }) => id === zone)));
    const forAll = new Map(all.toReversed().map(({ camera: _, ...subscription }) => [subscription.model, subscription]));
    const whole = ({ active = true, ...subscription }: CameraSubscription): CameraSubscription => ({ active, ...subscription });
    const own = wanted.filter((subscription) => !isDeepStrictEqual(whole(forAll.get(subscription.model) ?? { model: '', desired_fps: 1 }), whole(subscription)));
    const off = [...forAll.values()].filter(({ model, active }) => active !== false && !wanted.some((subscription) => subscription.model === model)).map((subscription) => ({ ...subscription, active: false }));
    this.#putOf(cameraId, 'subscriptions', [...own.map(({ active, ...subscription }) => ({ camera: cameraId, ...subscription, ...(active === false ? { active } : {}) })), ...off.map((subscription) => ({ camera: cameraId, ...subscription }))]);
  }

  /** Puts these in place of those that name the camera. */
  #putOf(cameraId: string, key: 'subscriptions' | 'rules', wanted: readonly object[]): void {
    if (this.#list(key) === null) this.#document.setIn([key], this.#document.createNode([]));
    const list = this.#list(key)!;
    const isOwn = (item: unknown): boolean => isMap(item) && item.get('camera') === cameraId;
    const own = list.items.filter(isOwn);
    const nodes = wanted.map((value) => own.find((item) => isDeepStrictEqual(this.#json(item), value)) ?? this.#document.createNode(value, { flow: true }));
    const at = list.items.findIndex(isOwn);
    const others = list.items.filter((item) => !isOwn(item));
    list.items = at < 0 ? [...others, ...nodes] : [...others.slice(0, at), ...nodes, ...others.slice(at)];
    list.flow = false;
    // An empty list of subscriptions says that nobody looks; an empty list of rules says nothing.
    if (key === 'rules' && list.items.length === 0) this.#document.deleteIn([key]);
  }

  /** Each on a line of its own. */
  #lines(values: readonly unknown[]): YAMLSeq {
    const list = this.#document.createNode<unknown[]>([]) as YAMLSeq;
    list.items = values.map((value) => this.#document.createNode(value, { flow: true }));
    return list;
  }

  #json(node: unknown): unknown { return isNode(node) ? node.toJS(this.#document) as unknown : node; }

  /** Throws `camera_not_found`. */
  #camera(cameraId: string): YAMLMap {
    const index = this.#indexOf(cameraId);
    if (index < 0) throw new RuthError('camera_not_found', `${this.path} has no camera ${cameraId}`);
    return this.#cameras()!.items[index] as YAMLMap;
  }

  /** Removes the camera and the subscriptions and rules that name it; returns how many those were. Throws `camera_not_found`. */
  removeCamera(cameraId: string): { subscriptions: number; rules: number } {
    const index = this.#indexOf(cameraId);
    if (index < 0) throw new RuthError('camera_not_found', `${this.path} has no camera ${cameraId}`);
    this.#document.deleteIn(['cameras', index]);
    return { subscriptions: this.#removeOf(cameraId, 'subscriptions'), rules: this.#removeOf(cameraId, 'rules') };
  }

  #removeOf(cameraId: string, key: 'subscriptions' | 'rules'): number {
    const list = this.#document.get(key);
    if (!isSeq(list)) return 0;
    const kept = list.items.filter((item) => !(isMap(item) && item.get('camera') === cameraId));
    const removed = list.items.length - kept.length;
    list.items = kept;
    return removed;
  }

  /** Ids of the rules that name this camera, and not all. */
  ownRuleIds(cameraId: string): Set<string> {
    return new Set(this.#list('rules')?.items.flatMap((item) => (isMap(item) && item.get('camera') === cameraId ? [String(item.get('id'))] : [])) ?? []);
  }

  /** What a file that declares no subscriptions means, of these of one camera. */
  defaultSubscriptions(ofCamera: readonly SubscriptionConfig[]): SubscriptionConfig[] {
    return DEFAULT_SUBSCRIPTIONS.filter(({ model }) => ofCamera.some((subscription) => subscription.model === model));
  }

  /** Ids of the models that stand in the file, the switched-off ones too; null where it names none, which means the built-in ones. */
  get modelIds(): string[] | null {
    return this.#list('models')?.items.flatMap((item) => (isMap(item) ? [String(item.get('id'))] : [])) ?? null;
  }

  /**
   * Adds the model as the last one, or sets the given keys of the one that is there; undefined takes a key away. A file that names no models
   * means `unlessNamed`: they are written first, and so are the subscriptions that go with them, for one that is named ends that meaning.
   */
  putModel(model: ModelConfig, unlessNamed: readonly string[] = []): void {
    if (!isMap(this.#document.contents)) this.#document.contents = this.#document.createNode({});
    if (this.#list('models') === null) this.#document.setIn(['models'], this.#document.createNode(unlessNamed.map((id) => ({ id }))));
    const models = this.#list('models')!;
    const present = models.items.find((item) => isMap(item) && item.get('id') === model.id) as YAMLMap | undefined;
    if (present) {
      for (const [key, value] of Object.entries(model)) {
        // What is the same keeps its comment.
        if (present.get(key) === value) continue;
        if (value === undefined) deleteKey(present, key);
        else this.#set(present, key, value);
      }
      return;
    }
    if (models.items.length === 0) models.flow = false;
    models.add(this.#document.createNode(Object.fromEntries(Object.entries(model).filter(([, value]) => value !== undefined))));
  }

  /** Removes the model and the subscriptions that name it; returns how many those were. Throws `not_found`. */
  removeModel(modelId: string, unlessNamed: readonly string[] = []): number {
    if (this.#list('models') === null) this.#document.setIn(['models'], this.#document.createNode(unlessNamed.map((id) => ({ id }))));
    const models = this.#list('models')!;
    const index = models.items.findIndex((item) => isMap(item) && item.get('id') === modelId);
    if (index < 0) throw new RuthError('not_found', `${this.path} has no model ${modelId}`);
    this.#document.deleteIn(['models', index]);
    const subscriptions = this.#list('subscriptions');
    if (subscriptions === null) return 0;
    const kept = subscriptions.items.filter((item) => !(isMap(item) && (item.get('model') === modelId || item.getIn(['regions', 'model']) === modelId)));
    const removed = subscriptions.items.length - kept.length;
    subscriptions.items = kept;
    return removed;
  }

  /** Adds a subscription. A file that declares none means `unlessDeclared`: they are written first. */
  addSubscription(subscription: SubscriptionConfig, unlessDeclared: readonly SubscriptionConfig[]): void {
    if (this.#list('subscriptions') === null) this.#document.setIn(['subscriptions'], this.#document.createNode(unlessDeclared));
    this.#list('subscriptions')!.add(this.#document.createNode(subscription));
  }

  /** Throws `invalid_config` where it would be wrong, and `invalid_state` where somebody else wrote it meanwhile; the file then is as it was. */
  write(): Settings {
    sealCredentials(this.#document, this.#keyFile);
    const text = this.#document.toString({ lineWidth: 0 });
    const settings = this.#opened(parseSettings(text, this.path));
    if (readIfThere(this.path) !== this.#text) throw new RuthError('invalid_state', `${this.path} was changed meanwhile; nothing is written, try again`);
    replaceFile(this.path, text, this.#text !== null);
    return settings;
  }

  /** Seals what stands there plain. False where there is nothing to seal; the file is as it was then. Throws what `write` throws. */
  sealPlain(): boolean {
    if (!sealCredentials(this.#document, this.#keyFile)) return false;
    this.write();
    return true;
  }

  get #keyFile(): string {
    const named = (key: string): string | undefined => {
      const value = this.#document.getIn(['paths', key]);
      return typeof value === 'string' ? value : undefined;
    };
    return resolve(dirname(this.path), keyFileOf({ keyFile: named('key_file') ?? null, dataDirectory: named('data_directory') ?? DEFAULT_DATA_DIRECTORY }));
  }

  #opened(settings: Settings): Settings { return openSettings(settings, this.#keyFile); }

  #cameras(): YAMLSeq | null { return this.#list('cameras'); }

  #list(key: string): YAMLSeq | null {
    const list = this.#document.get(key);
    return isSeq(list) ? list : null;
  }

  #indexOf(cameraId: string): number {
    return this.#cameras()?.items.findIndex((item) => isMap(item) && item.get('id') === cameraId) ?? -1;
  }

  /** Maps are merged, so that what was not named stays. */
  #set(node: YAMLMap, key: string, value: unknown): void {
    const present = node.get(key);
    if (isMap(present) && typeof value === 'object' && value !== null) {
      for (const [inner, innerValue] of Object.entries(value)) present.set(inner, innerValue);
    } else node.set(key, this.#document.createNode(value));
  }
}

/** A comment at the end of the last line stays at the end of the line that is last then. */
function deleteKey(map: YAMLMap, key: string): void {
  const index = map.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === key);
  if (index < 0) return;
  const [gone] = map.items.splice(index, 1);
  const before = map.items[index - 1]?.value;
  if (isScalar(gone!.value) && gone!.value.comment && isScalar(before)) before.comment ??= gone!.value.comment;
}
