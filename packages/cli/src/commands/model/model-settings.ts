// Where the models of a node are: what ruth.yaml names, what lies in the models directory, and the node that may be running.
import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { BUILT_IN_DETECTOR, BUILT_IN_POSE, RuthError, SupervisedModel, supervisorSocketPath, validator, type Settings } from '@ruth/protocol';
import { ask, loadSettings } from '@ruth/transport';
import { SettingsFile } from '../../settings/settings-file.ts';
import { BUILT_IN_MODELS_DIRECTORY, resolveSettings } from '../../settings/resolve-settings.ts';

const supervisedModel = validator(SupervisedModel);
/** A successor may take two minutes to be ready. */
const CHANGE_LIMIT_MS = 150_000;

export class ModelSettings {
  readonly config: string;
  readonly settings: Settings;
  readonly #socket: string;

  constructor(config: string) {
    this.config = resolve(config);
    // Without a file, the folder beside where it would be.
    this.settings = existsSync(config) ? loadSettings(config) : { ...resolveSettings({}), modelsDirectory: join(dirname(this.config), 'models') };
    this.#socket = supervisorSocketPath(this.settings.socketDirectory);
  }

  get modelsDirectory(): string { return this.settings.modelsDirectory; }

  /** Folder of a model that ruth.yaml names or that lies in the models directory. Throws `not_found`. */
  folderOf(id: string): string {
    const named = this.settings.models.find((model) => model.id === id)?.folder ?? join(this.modelsDirectory, id);
    // A node that was started without a file has the built-in ones where they always are.
    for (const folder of [named, join(BUILT_IN_MODELS_DIRECTORY, id)]) if (existsSync(join(folder, 'model.yaml'))) return folder;
    throw new RuthError('not_found', `there is no model ${id}: ${join(named, 'model.yaml')} is not there`);
  }

  /** Models of the node that runs; null where none does. */
  async running(): Promise<SupervisedModel[] | null> {
    return this.#ifRunning(async () => (await ask(this.#socket, 'GET', '/v1/models') as unknown[]).map((one) => supervisedModel.parse(one, 'internal')));
  }

  /** The file is changed by the node where one runs, and here where none does. True where a node runs. */
  async add(id: string): Promise<boolean> {
    return this.#tell('POST', '/v1/models', { model_id: id, folder: resolve(this.modelsDirectory, id) }, (file) => file.putModel({ id, active: undefined } as never, this.#unlessNamed(id)));
  }

  async replace(id: string, folder: string): Promise<boolean> {
    const key = resolve(folder) === resolve(this.modelsDirectory, id) ? undefined : relative(dirname(this.config), folder);
    return this.#tell('POST', `/v1/models/${id}/replace`, { folder: resolve(folder) }, (file) => file.putModel({ id, folder: key } as never, this.#unlessNamed()));
  }

  async disable(id: string): Promise<boolean> {
    return this.#tell('POST', `/v1/models/${id}/disable`, {}, (file) => file.putModel({ id, active: false }, this.#unlessNamed()));
  }

  async remove(id: string): Promise<boolean> {
    return this.#tell('DELETE', `/v1/models/${id}`, undefined, (file) => file.removeModel(id, this.#unlessNamed()));
  }

  async #tell(method: string, path: string, body: unknown, change: (file: SettingsFile) => unknown): Promise<boolean> {
    const told = await this.#ifRunning(async () => { await ask(this.#socket, method, path, body, { timeoutMs: CHANGE_LIMIT_MS }); return true; });
    if (told !== null) return true;
    const file = SettingsFile.read(this.config);
    change(file);
    file.write();
    return false;
  }

  async #ifRunning<T>(run: () => Promise<T>): Promise<T | null> {
    try {
      return await run();
    } catch (cause) {
      if (RuthError.from(cause).code === 'unreachable') return null;
      throw cause;
    }
  }

  /** The built-in models, which a file that names none means, as far as they are there. */
  #unlessNamed(but?: string): string[] { return [BUILT_IN_DETECTOR, BUILT_IN_POSE].filter((id) => id !== but && existsSync(join(this.modelsDirectory, id, 'model.yaml'))); }
}
