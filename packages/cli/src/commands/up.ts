// `ruth up`: a whole node with the user's own cameras.
import type { Command } from 'commander';
import { resolveSettings } from '../settings/resolve-settings.ts';
import { stateDirectory } from '../settings/state-directory.ts';
import { foreground } from './foreground.ts';
import { runNode } from './node-run.ts';

interface UpOptions { config?: string; camera: string[]; open: boolean; verbose: boolean }

export function addUpCommand(program: Command): void {
  program.command('up')
    .description('run a node: kernel, core, one container per model, server')
    .option('-c, --config <file>', 'settings; ruth.yaml in this folder is taken where there is one')
    .option('--camera <url>', 'a camera, rtsp://[user:password@]host/path; may be given several times, needs no file', (url: string, urls: string[]) => [...urls, url], [])
    .option('--open', 'open the page in a browser', false)
    .option('-v, --verbose', 'show what each process says', false)
    .action(async (options: UpOptions) => {
      await foreground(options, async ({ environment, terminal, signal, onServing }) => {
        const file = options.config ?? (options.camera.length === 0 ? 'ruth.yaml' : undefined);
        const source = { file, cameraUrls: options.camera, httpPort: environment.RUTH_HTTP_PORT, stateDirectory: stateDirectory(environment) };
        await runNode({ settings: resolveSettings(source), source, ...terminal, signal, onServing });
      });
    });
}
