// The models of a running node: a container each, what state it is in and why. Models are added, replaced, switched off and removed
// one change after the other; what is wrong with one is said and touches no other. ruth.yaml is kept in step where there is one.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseManifest, RuthError, type Manifest, type SupervisedModel } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { versionBefore } from '../onboarding/model-versions.ts';
import { SettingsFile } from '../settings/settings-file.ts';
import type { ModelSwitch } from '../settings/switched-models.ts';
import { containerProcess } from './definitions.ts';
import type { NodeCameras } from './node-cameras.ts';
import type { RunningNode } from './running-node.ts';
import type { ProcessDefinition } from './process-definition.ts';
import type { Supervisor } from './supervisor.ts';

export interface NodeModelsOptions {
  readonly supervisor: Supervisor;
  readonly node: Pick<RunningNode, 'expectModel'>;
  readonly cameras: Pick<NodeCameras, 'tellOfModels'>;
  readonly stdin: ProcessDefinition['stdin'];
  readonly modelsDirectory: string;
  /** Path of ruth.yaml; undefined where the node runs without one, which then forgets changes at its end. */
  readonly settingsFile?: string | undefined;
  readonly logger: Logger;
}

/** As add-model.ts names it. */
const PREVIEW = 'preview.jpg';

/** `reason` is null while it is meant to run. */
interface Known { readonly id: string; folder: string; state: 'on' | 'disabled' | 'broken' | 'available'; reason: string | null }

export class NodeModels {
  readonly #options: NodeModelsOptions;
  readonly #models = new Map<string, Known>();
  /** Changes come one after another. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: NodeModelsOptions, running: readonly { readonly id: string; readonly folder: string }[]) {
    this.#options = options;
    for (const { id, folder } of running) this.#models.set(id, { id, folder, state: 'on', reason: null });
    for (const id of this.#fileIds() ?? []) if (!this.#models.has(id)) this.#models.set(id, { id, folder: join(options.modelsDirectory, id), state: 'disabled', reason: 'switched off in ruth.yaml' });
  }

  list(): SupervisedModel[] {
    const processes = new Map(this.#options.supervisor.statuses().map((status) => [status.name, status]));
    return [...this.#models.values()].map(({ id, folder, state, reason }) => {
      const process = processes.get(nameOf(id));
      const manifest = readManifest(folder);
      const broken = process?.state === 'crash_loop' || process?.state === 'waiting';
      return {
        model_id: id, folder, pid: process?.pid ?? null, model_name: manifest?.model_name ?? null, model_version: manifest?.model_version ?? null, license: manifest?.license ?? null,
        state: state !== 'on' ? state : broken ? 'broken' : process?.state === 'starting' ? 'starting' : 'running', reason: state !== 'on' ? reason : process?.reason ?? null,
      };
    });
  }

  /** Which of them shall run. */
  switches(): ModelSwitch[] { return [...this.#models.values()].map(({ id, state }) => ({ id, isOn: state === 'on' })); }

  known(id: string): boolean { return this.#models.has(id); }

  /** A folder that lies there and is not to run, or cannot. */
  note(id: string, folder: string, state: 'broken' | 'available', reason: string): void {
    const present = this.#models.get(id);
    if (present?.state === 'on' || (present?.state === state && present.reason === reason)) return;
    this.#models.set(id, { id, folder, state, reason });
    if (state === 'broken') this.#options.logger.error({ model: id, folder }, `${folder} is no model that can run: ${reason}`);
    else this.#options.logger.info({ model: id, folder }, `${folder}: ${reason}`);
  }

  /** The folder is gone. One that runs goes on: its weights are in memory. */
  forget(id: string): void { if (this.#models.get(id)?.state !== 'on') this.#models.delete(id); }

  /**
   * Starts its container; ruth.yaml gets its line at once, or, where it was not tried before, once it is ready. A model that runs from that folder already is left as it is. Throws
   * `invalid_manifest`, `model_invalid`, `invalid_state`.
   */
  add(id: string, folder = join(this.#options.modelsDirectory, id), { tried = true }: { tried?: boolean } = {}): Promise<void> {
    return this.#change(async () => {
      const present = this.#models.get(id);
      if (present?.state === 'on') {
        if (resolve(present.folder) === resolve(folder) && !this.#keepsEnding(id)) return;
        if (resolve(present.folder) === resolve(folder)) await this.#options.supervisor.stop(nameOf(id));
        else throw new RuthError('invalid_state', `${id} runs already, from ${present.folder}; replace it`);
      }
      assertModelFolder(id, folder);
      await this.#expect(id, true);
      const ready = this.#start(id, folder);
      const register = (): Promise<void> => this.#write((file) => file.putModel({ id, folder: this.#folderKey(id, folder), active: undefined } as never, this.#unlessNamed(id)));
      if (tried) await register();
      await this.#tellOfModels();
      if (!tried) ready.then(() => this.#change(async () => { if (this.#models.get(id)?.state === 'on') await register(); }), () => undefined);
      this.#options.logger.info({ model: id, folder }, `${id} is a model of this node now`);
    });
  }

  /** Another version serves from now on; where it cannot, the one before goes on and the reason is thrown. Not a request is lost. */
  replace(id: string, folder: string): Promise<void> {
    return this.#change(async () => {
      const present = this.#running(id);
      assertModelFolder(id, folder);
      await this.#options.supervisor.replace(nameOf(id), containerProcess(id, folder, this.#options.stdin));
      present.folder = folder;
      await this.#write((file) => file.putModel({ id, folder: this.#folderKey(id, folder) } as never, this.#unlessNamed()));
    });
  }

  /** One that was switched off, removed, or lies there. Throws `not_found`, and what `add` throws. */
  enable(id: string): Promise<void> {
    const present = this.#models.get(id);
    if (!present) throw new RuthError('not_found', `there is no model ${id}; there are: ${[...this.#models.keys()].join(', ') || 'none'}`);
    return this.add(id, present.folder);
  }

  /** The version that served before serves again. Throws `not_found` where none is there, and what `replace` throws. */
  async rollback(id: string): Promise<void> {
    const { folder } = this.#running(id);
    await this.replace(id, versionBefore(folder, dirname(folder)));
  }

  /** Path of the picture of what it saw when it was tried. Throws `not_found`. */
  preview(id: string): string {
    const path = join(this.#models.get(id)?.folder ?? '', PREVIEW);
    if (!this.#models.has(id) || !existsSync(path)) throw new RuthError('not_found', `there is no picture of what ${id} saw`);
    return path;
  }

  /** Ends its container and keeps its lines in ruth.yaml. */
  disable(id: string): Promise<void> {
    return this.#change(async () => {
      const present = this.#running(id);
      await this.#end(id);
      present.state = 'disabled';
      present.reason = 'switched off';
      await this.#write((file) => file.putModel({ id, active: false }, this.#unlessNamed()));
    });
  }

  /** Ends its container and takes it and its subscriptions out of ruth.yaml; the folder stays. Throws `not_found`. */
  remove(id: string): Promise<void> {
    return this.#change(async () => {
      const present = this.#models.get(id);
      if (!present) throw new RuthError('not_found', `there is no model ${id}`);
      const ifNoneNamed = this.#unlessNamed();
      if (present.state === 'on') await this.#end(id);
      // Its folder lies there still; that it was removed is the last word on it until somebody adds it again.
      this.#models.set(id, { ...present, state: 'available', reason: `it was removed; ruth model enable ${id} takes it back` });
      await this.#write((file) => (file.modelIds ?? ifNoneNamed).includes(id) && file.removeModel(id, ifNoneNamed));
      await this.#tellOfModels();
    });
  }

  /** One that cannot start need not wait half a minute for its next try when its files have changed. */
  #keepsEnding(id: string): boolean { return this.#options.supervisor.statuses().some(({ name, state }) => name === nameOf(id) && state === 'crash_loop'); }

  #running(id: string): Known {
    const present = this.#models.get(id);
    if (!present) throw new RuthError('not_found', `there is no model ${id}; there are: ${[...this.#models.keys()].join(', ') || 'none'}`);
    if (present.state !== 'on') throw new RuthError('invalid_state', `${id} does not run: it is ${present.state}${present.reason === null ? '' : `, ${present.reason}`}`);
    return present;
  }

  /** Core is told before: it would miss what ends. */
  async #end(id: string): Promise<void> {
    await this.#expect(id, false);
    await this.#options.supervisor.stop(nameOf(id));
  }

  async #expect(id: string, isExpected: boolean): Promise<void> {
    await this.#options.node.expectModel(id, isExpected).catch((cause: unknown) => this.#options.logger.warn({ model: id, err: cause }, `core is not told that ${id} is switched ${isExpected ? 'on' : 'off'}: ${RuthError.from(cause).message}`));
  }

  async #tellOfModels(): Promise<void> {
    await this.#options.cameras.tellOfModels().catch((cause: unknown) => this.#options.logger.warn({ err: cause }, `core is not told which models look now: ${RuthError.from(cause).message}`));
  }

  #start(id: string, folder: string): Promise<unknown> {
    const { supervisor, stdin } = this.#options;
    this.#models.set(id, { id, folder, state: 'on', reason: null });
    const { firstReady } = supervisor.start(containerProcess(id, folder, stdin));
    firstReady.catch(() => undefined);
    return firstReady;
  }

  #fileIds(): string[] | null {
    const { settingsFile } = this.#options;
    return settingsFile === undefined || !existsSync(settingsFile) ? null : SettingsFile.read(settingsFile).modelIds;
  }

  /** What a file that names no models means. */
  #unlessNamed(but?: string): string[] { return [...this.#models.values()].filter(({ id, state }) => state === 'on' && id !== but).map(({ id }) => id); }

  #folderKey(id: string, folder: string): string | undefined {
    const { settingsFile, modelsDirectory } = this.#options;
    return resolve(folder) === resolve(modelsDirectory, id) || settingsFile === undefined ? undefined : relative(dirname(resolve(settingsFile)), folder) || '.';
  }

  /** Where the file cannot be written the node goes on as it is told now, and says what will be forgotten. */
  async #write(change: (file: SettingsFile) => unknown): Promise<void> {
    const { settingsFile, logger } = this.#options;
    if (settingsFile === undefined) return logger.warn('this node runs without a ruth.yaml: the change is forgotten when it ends');
    try {
      const file = SettingsFile.read(settingsFile);
      change(file);
      file.write();
    } catch (cause) {
      logger.error({ err: cause }, `${settingsFile} is not changed, so that the change is forgotten when the node ends: ${RuthError.from(cause).message}`);
    }
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changes.then(change);
    this.#changes = changed.catch(() => undefined);
    return changed;
  }
}

const nameOf = (id: string): string => `container ${id}`;

/** Throws what is wrong with it, as far as it can be seen without loading it. */
export function assertModelFolder(id: string, folder: string): Manifest {
  const path = join(folder, 'model.yaml');
  if (!existsSync(path)) throw new RuthError('invalid_manifest', `${path} is not there: a model folder holds model.yaml`);
  const manifest = parseManifest(readFileSync(path, 'utf8'), path);
  if (manifest.model_id !== id) throw new RuthError('invalid_manifest', `${path}: model_id is ${manifest.model_id}; the folder is that of ${id}`);
  if (manifest.model_weights !== undefined && !existsSync(join(folder, manifest.model_weights))) throw new RuthError('model_invalid', `${join(folder, manifest.model_weights)} is not there; ${path} names it as model_weights`);
  return manifest;
}

function readManifest(folder: string): Manifest | null {
  try {
    const path = join(folder, 'model.yaml');
    return parseManifest(readFileSync(path, 'utf8'), path);
  } catch {
    return null;
  }
}
