// `ruth demo`: a whole node with a camera of its own, a sample clip served over RTSP in an endless loop.
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { cameraSettings, type CameraSettings, type RecordingSettings, RuthError } from '@ruth/protocol';
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
/** The clip, the store of events, and some recordings. */
const LEAST_FREE_MB = 200;

export function addDemoCommand(program: Command): void {
  program.command('demo')
    .description('run a node with a demo camera')
    .option('-c, --config <file>', 'settings of everything but the demo camera')
    .option('--open', 'open the page in a browser', false)
    .option('-v, --verbose', 'show what each process says', false)
    .action(async (options: { config?: string; open: boolean; verbose: boolean }) => {
      await foreground(options, async ({ environment, terminal, signal, onServing }) => {
        const folders = { RUTH_CACHE: cacheDirectory(environment), RUTH_STATE: join(stateDirectory(environment), 'demo') };
        for (const [variable, folder] of Object.entries(folders)) assertRoom(folder, variable);
        const clip = await prepareDemoClip({
          cacheDirectory: folders.RUTH_CACHE, clip: environment.RUTH_DEMO_CLIP, log: (line) => console.log(line), signal,
        });
        const supervisor = new Supervisor(terminal);
        const defaults = settingsText(resolveSettings({ file: options.config }));
        const camera = supervisor.start({ name: 'demo-camera', entry: entryOf('@ruth/kernel', 'live/rtsp-main.ts'), args: [clip.path, MOUNT], stdin: defaults, required: true });
        const { url } = await Promise.race([camera.firstReady, supervisor.fatal]);
        const source = { file: options.config, extraCamera: demoCamera(String(url), clip.description), extraIntent: clip.intent, httpPort: environment.RUTH_HTTP_PORT, stateDirectory: folders.RUTH_STATE };
        const resolved = resolveSettings(source);
        // A settings file decides by itself whether and where is recorded.
        const settings = options.config === undefined ? { ...resolved, recording: demoRecording(folders.RUTH_CACHE) } : resolved;
        await runNode({ settings, source, ...terminal, signal, onServing }, supervisor);
      });
    });
}

/** Throws `disk_full` where nothing could be kept in the folder, which need not be there yet. */
function assertRoom(folder: string, variable: string): void {
  let present = folder;
  while (!existsSync(present)) present = dirname(present);
  const { bavail, bsize } = statfsSync(present);
  const freeMb = Math.floor(bavail * bsize / 1e6);
  if (freeMb < LEAST_FREE_MB) throw new RuthError('disk_full', `the disk of ${folder} has ${freeMb} MB left, and the demo needs ${LEAST_FREE_MB}; make room there, or name another folder with ${variable}`);
}

/** What the demo records stays from run to run, so that there is something to look at; its size bounds it. */
function demoRecording(cache: string): RecordingSettings {
  return { directory: join(cache, 'demo-recordings'), segmentS: 4, maxAgeDays: null, maxBytes: 1e9, minFreeBytes: 2e9 };
}

function demoCamera(url: string, note: string): CameraSettings {
  return cameraSettings({ id: 'demo', name: 'Demo camera', url, note });
}
