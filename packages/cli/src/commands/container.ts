// `ruth container run <folder>`: one model container alone.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { becomeEntry } from './entry-process.ts';
import { entryOf } from '../supervisor/definitions.ts';

export function addContainerCommand(program: Command): void {
  program.command('container').description('model containers').command('run <folder>')
    .description('serve one model, e.g. models/movenet-lightning, on its socket')
    .option('-c, --config <file>', 'settings (ruth.yaml)')
    .action(async (folder: string, options: { config?: string }) => {
      if (!existsSync(folder)) {
        console.error(`${folder} is no folder; give one with a model.yaml, e.g. models/movenet-lightning`);
        process.exit(1);
      }
      const config = options.config === undefined ? [] : ['-c', options.config];
      await becomeEntry(entryOf('@ruth/container'), [...config, folder], 1);
    });
}
