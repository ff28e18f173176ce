// `ruth container run <folder>`: one model container alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
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
      const child = spawn(process.execPath, [entryOf('@ruth/container'), ...config, folder], { stdio: 'inherit' });
      // Ctrl-C reaches the child by itself; what was sent to us alone is passed on.
      process.on('SIGINT', () => undefined);
      process.on('SIGTERM', () => child.kill('SIGTERM'));
      const [code, signal] = await once(child, 'exit') as [number | null, NodeJS.Signals | null];
      process.exit(signal === null ? code ?? 1 : 1);
    });
}
