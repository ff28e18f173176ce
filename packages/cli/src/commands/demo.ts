// `ruth demo`: a whole node with a camera of its own, a sample clip served over RTSP in an endless loop.
import { join } from 'node:path';
import type { Command } from 'commander';
import { cameraSettings, type CameraSettings, type RecordingSettings } from '@ruth/protocol';
import { cacheDirectory } from '../demo/cache-directory.ts';
import { prepareDemoClip } from '../demo/clip.ts';
import { resolveSettings } from '../settings/resolve-settings.ts';
import { settingsText } from '../settings/settings-text.ts';
import { stateDirectory } from '../settings/state-directory.ts';
import { entryOf } from '../supervisor/definitions.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { foreground } from './foreground.ts';
import { runNode } from './node-run.ts';

const MOUNT = 'demo';

export function addDemoCommand(program: Command): void {
  program.command('demo')
    .description('run a node with a demo camera')
    .option('-c, --config <file>', 'settings of everything but the demo camera')
    .option('--open', 'open the page in a browser', false)
    .option('-v, --verbose', 'show what each process says', false)
    .action(async (options: { config?: string; open: boolean; verbose: boolean }) => {
      await foreground(options, async ({ environment, terminal, signal, onServing }) => {
        const clip = await prepareDemoClip({
          cacheDirectory: cacheDirectory(environment), clip: environment.RUTH_DEMO_CLIP, log: (line) => console.log(line), signal,
        });
        const supervisor = new Supervisor(terminal);
        const defaults = settingsText(resolveSettings({ file: options.config }));
        const camera = supervisor.start({ name: 'demo-camera', entry: entryOf('@ruth/kernel', 'live/rtsp-main.ts'), args: [clip.path, MOUNT], stdin: defaults, required: true });
        const { url } = await Promise.race([camera.firstReady, supervisor.fatal]);
        const source = { file: options.config, extraCamera: demoCamera(String(url), clip.description), extraIntent: clip.intent, httpPort: environment.RUTH_HTTP_PORT, stateDirectory: join(stateDirectory(environment), 'demo') };
        const resolved = resolveSettings(source);
        // A settings file decides by itself whether and where is recorded.
        const settings = options.config === undefined ? { ...resolved, recording: demoRecording(cacheDirectory(environment)) } : resolved;
        await runNode({ settings, source, ...terminal, signal, onServing }, supervisor);
      });
    });
}

/** What the demo records stays from run to run, so that there is something to look at; its size bounds it. */
function demoRecording(cache: string): RecordingSettings {
  return { directory: join(cache, 'demo-recordings'), segmentS: 4, maxAgeDays: null, maxBytes: 1e9, minFreeBytes: 2e9 };
}

function demoCamera(url: string, note: string): CameraSettings {
  return cameraSettings({ id: 'demo', name: 'Demo camera', url, note });
}
