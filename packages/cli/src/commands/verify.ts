// `ruth verify`: compares the recordings with their index, and repairs on request.
import type { Command } from 'commander';
import { becomeEntry } from './entry-process.ts';
import { entryOf } from '../supervisor/definitions.ts';

interface VerifyOptions { config: string; directory?: string; repair: boolean; decode: boolean; json: boolean }

export function addVerifyCommand(program: Command): void {
  program.command('verify')
    .description('check every recording against the index: missing, extra, truncated, wrong hash or duration, unplayable, overlaps')
    .option('-c, --config <file>', 'settings that name the folder of the recordings', 'ruth.yaml')
    .option('--directory <folder>', 'the folder of the recordings, instead of settings')
    .option('--repair', 'put right what is found; no kernel may be running', false)
    .option('--decode', 'decode every picture too (slow)', false)
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', '\nEnds with 0 where all is as it should be, 1 where something was found, 2 where it could not look.')
    .action(async ({ config, directory, repair, decode, json }: VerifyOptions) => {
      const place = directory === undefined ? ['-c', config] : ['--directory', directory];
      const flags = Object.entries({ repair, decode, json }).flatMap(([name, set]) => (set ? [`--${name}`] : []));
      await becomeEntry(entryOf('@ruth/kernel', 'record/verify-main.ts'), [...place, ...flags], 2);
    });
}
