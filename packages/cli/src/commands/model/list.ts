// `ruth model list`: the models of the node, how each is, and what else lies in the models directory.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isId, type SupervisedModel } from '@ruth/protocol';
import type { Command } from 'commander';
import { assertModelFolder } from '../../supervisor/node-models.ts';
import { oneShot } from '../camera/one-shot.ts';
import { table } from '../camera/table.ts';
import { ModelSettings } from './model-settings.ts';

export function addListCommand(model: Command): void {
  model.command('list')
    .description('the models of the node and how each is')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--json', 'one JSON object instead of the table', false)
    .action((options: { config: string; json: boolean }) => oneShot(async () => {
      const settings = new ModelSettings(options.config);
      const running = await settings.running();
      const models = running ?? lying(settings);
      if (options.json) console.log(JSON.stringify({ running: running !== null, models }));
      else console.log(`${running === null ? 'no node runs here\n' : ''}${modelTable(models)}`);
    }));
}

export function modelTable(models: readonly SupervisedModel[]): string {
  return table(['ID', 'STATE', 'VERSION', 'LICENCE', 'FOLDER', 'WHY'], models.map((one) => [one.model_id, one.state, one.model_version ?? '-', (one.license ?? '-').slice(0, 30), one.folder, firstLine(one.reason ?? '')]));
}

function firstLine(text: string): string {
  const [first, ...more] = text.split('\n');
  return more.length === 0 ? first! : `${first} (and ${more.length} more)`;
}

function lying({ settings, modelsDirectory }: ModelSettings): SupervisedModel[] {
  const named = new Map(settings.models.map(({ id, folder }) => [id, folder]));
  for (const entry of readdirIfThere(modelsDirectory)) if (!named.has(entry)) named.set(entry, join(modelsDirectory, entry));
  return [...named].map(([id, folder]) => {
    const isNamed = settings.models.some((one) => one.id === id);
    const base = { model_id: id, folder, pid: null, model_name: null, model_version: null, license: null };
    try {
      const { model_name, model_version, license } = assertModelFolder(id, folder);
      return { ...base, model_name, model_version, license: license ?? null, state: 'available', reason: isNamed ? 'starts with the node, and none runs' : 'not named in ruth.yaml' };
    } catch (cause) {
      return { ...base, state: 'broken', reason: (cause as Error).message };
    }
  });
}

function readdirIfThere(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory() && isId(entry.name)).map((entry) => entry.name);
  } catch {
    return [];
  }
}
