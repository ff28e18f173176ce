// Folders that appear in the models directory while a node runs: one that has come to rest and holds a model becomes a model of the
// node, one that does not is said with its reason. Folders that lay there before, and that ruth.yaml does not name, are left alone.
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isId, RuthError } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { assertModelFolder, type NodeModels } from './node-models.ts';

export interface ModelFoldersOptions {
  readonly directory: string;
  readonly models: NodeModels;
  readonly logger: Logger;
  /** A folder that did not change for so long is whole; 1000 unless told. */
  readonly restMs?: number;
  /** For what the watch missed; 5000 unless told. */
  readonly rescanMs?: number;
}

interface Seen { readonly print: string; sinceMs: number; settled: boolean }

export class ModelFolders {
  readonly #options: ModelFoldersOptions;
  readonly #seen = new Map<string, Seen>();
  #wake = new AbortController();

  constructor(options: ModelFoldersOptions) {
    this.#options = options;
  }

  /** Looks until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { directory, models, rescanMs = 5000, restMs = 1000 } = this.#options;
    for (const [id, print] of this.#folders()) {
      this.#seen.set(id, { print, sinceMs: 0, settled: true });
      if (!models.known(id)) models.note(id, join(directory, id), 'available', `it is not named in ruth.yaml; ruth model enable ${id} takes it in`);
    }
    using _watcher = this.#watch();
    while (!signal.aborted) {
      const restless = await this.#scan(restMs);
      this.#wake = new AbortController();
      await delay(restless ? Math.min(restMs, 250) : rescanMs, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
      // A copy is many changes: they are looked at together.
      if (!signal.aborted) await delay(50, undefined, { signal }).catch(() => undefined);
    }
  }

  /** True while a folder changes. */
  async #scan(restMs: number): Promise<boolean> {
    const now = performance.now();
    const folders = this.#folders();
    for (const id of this.#seen.keys()) {
      if (folders.has(id)) continue;
      this.#seen.delete(id);
      this.#options.models.forget(id);
    }
    let restless = false;
    for (const [id, print] of folders) {
      const seen = this.#seen.get(id);
      if (seen?.print !== print) {
        this.#seen.set(id, { print, sinceMs: now, settled: false });
        restless = true;
      } else if (!seen.settled && now - seen.sinceMs >= restMs) {
        seen.settled = true;
        await this.#settled(id);
      } else restless ||= !seen.settled;
    }
    return restless;
  }

  async #settled(id: string): Promise<void> {
    const { directory, models, logger } = this.#options;
    const folder = join(directory, id);
    try {
      assertModelFolder(id, folder);
      await models.add(id, folder, { tried: false });
    } catch (cause) {
      const error = RuthError.from(cause);
      // One that runs from another folder, or from this one with other files: replacing is a person's decision.
      if (error.code === 'invalid_state') logger.warn({ model: id }, error.message);
      else models.note(id, folder, 'broken', error.message);
    }
  }

  /** Each folder whose name can be an id, with what its files look like from outside. */
  #folders(): Map<string, string> {
    const { directory } = this.#options;
    const folders = new Map<string, string>();
    let names: string[];
    try {
      names = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory() && isId(entry.name)).map((entry) => entry.name);
    } catch {
      return folders;
    }
    for (const name of names) {
      try {
        const files = readdirSync(join(directory, name)).slice(0, 1000);
        folders.set(name, files.map((file) => { const { size, mtimeMs } = statSync(join(directory, name, file)); return `${file} ${size} ${mtimeMs}`; }).join('\n'));
      } catch {
        // It is being changed at this moment.
        folders.set(name, String(performance.now()));
      }
    }
    return folders;
  }

  #watch(): Disposable {
    let watcher: FSWatcher | null = null;
    try {
      watcher = watch(this.#options.directory, () => this.#wake.abort());
      watcher.on('error', () => undefined);
    } catch {
      this.#options.logger.warn(`${this.#options.directory} cannot be watched; it is read every few seconds`);
    }
    return { [Symbol.dispose]: () => watcher?.close() };
  }
}
