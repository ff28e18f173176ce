// `ruth model remove`, `disable` and `enable`: out of the node, or back into it; ruth.yaml is kept in step.
import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RuthError } from '@ruth/protocol';
import type { Command } from 'commander';
import { oneShot } from '../camera/one-shot.ts';
import { ModelSettings } from './model-settings.ts';

export function addRemoveCommands(model: Command): void {
  const changing = (name: string, what: string, run: (settings: ModelSettings, id: string) => Promise<boolean>, done: string) => model.command(`${name} <id>`)
    .description(what)
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .action((id: string, options: { config: string }) => oneShot(async () => {
      const isRunning = await run(new ModelSettings(options.config), id);
      console.log(`${id} ${done}${isRunning ? '' : '; no node runs here'}`);
    }));
  changing('disable', 'switch a model off; its lines in ruth.yaml stay', (settings, id) => settings.disable(id), 'is switched off');
  changing('enable', 'take a model of the models directory into the node', (settings, id) => settings.add(id), 'is a model of this node');
  model.command('remove <id>')
    .description('take a model and its subscriptions out of the node and of ruth.yaml')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--delete', 'delete its folder too', false)
    .action((id: string, options: { config: string; delete: boolean }) => oneShot(async () => {
      const settings = new ModelSettings(options.config);
      const folder = options.delete ? settings.folderOf(id) : null;
      if (folder !== null && resolve(dirname(folder)) !== resolve(settings.modelsDirectory)) throw new RuthError('bad_request', `${folder} lies outside the models directory; delete it by hand`);
      const isRunning = await settings.remove(id);
      if (folder !== null) rmSync(folder, { recursive: true });
      console.log(`${id} is removed${folder === null ? '; its folder stays' : `, and ${folder} with it`}${isRunning ? '' : '; no node runs here'}`);
    }));
}
