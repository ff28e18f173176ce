// `ruth camera add` and `ruth camera remove`: ruth.yaml is the intent and is changed first; a node that runs is told at once.
import { type CameraConfig, RuthError } from '@ruth/protocol';
import type { Command } from 'commander';
import { SettingsFile } from '../../settings/settings-file.ts';
import { cameraForNode } from '../../settings/settings-text.ts';
import { oneShot } from './one-shot.ts';
import { RunningNode } from '../../supervisor/running-node.ts';
import { secretInput } from './secret-input.ts';

interface AddOptions { config: string; name?: string; detectUrl?: string; transport?: 'tcp' | 'udp'; audio: boolean; record: boolean; onvif?: string; replace: boolean }

export function addChangeCommands(camera: Command): void {
  camera.command('add <id> <url>')
    .description('add a camera to ruth.yaml and to the node that runs; "-" as url reads it from standard input')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--name <name>', 'shown on the page')
    .option('--detect-url <url>', 'a second, smaller stream that is decoded for models')
    .option('--transport <tcp|udp>', 'how RTP travels')
    .option('--onvif <url>', 'device service, for a camera that can be turned; user and password are those of the url')
    .option('--no-audio', 'leave its sound out')
    .option('--no-record', 'do not record it')
    .option('--replace', 'change the camera of this id: what is given here is set, the rest stays', false)
    .action((id: string, url: string, options: AddOptions) => oneShot(async () => {
      const file = SettingsFile.read(options.config);
      if (file.has(id) && !options.replace) throw new RuthError('invalid_state', `${options.config} has a camera ${id} already; give --replace to change it`);
      file.putCamera(configOf(id, await secretInput(url, 'Camera URL'), options));
      const settings = file.write();
      console.log(`${options.config}: camera ${id} is ${options.replace ? 'set' : 'added'}`);
      await tell(() => new RunningNode(settings).putCamera(...cameraForNode(settings, id)), `the running node takes ${id} now`);
    }));

  camera.command('remove <id>')
    .description('remove a camera from ruth.yaml and from the node that runs; what it recorded stays')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .action((id: string, options: { config: string }) => oneShot(async () => {
      const file = SettingsFile.read(options.config);
      const { subscriptions, rules } = file.removeCamera(id);
      const settings = file.write();
      console.log(`${options.config}: camera ${id} is removed${subscriptions > 0 ? `, with ${subscriptions} of its subscriptions` : ''}${rules > 0 ? `, with ${rules} of its rules` : ''}; what it recorded stays`);
      await tell(() => new RunningNode(settings).removeCamera(id), `the running node has let go of ${id}`);
    }));
}

function configOf(id: string, url: string, options: AddOptions): CameraConfig {
  const { name, detectUrl, transport, audio, record, onvif } = options;
  return {
    id, ...(name === undefined ? {} : { name }), url, ...(detectUrl === undefined ? {} : { detect_url: detectUrl }),
    ...(transport === undefined ? {} : { transport }), ...(audio ? {} : { audio: false }), ...(record ? {} : { recording: { active: false } }),
    ...(onvif === undefined ? {} : { onvif: { url: onvif } }),
  };
}

/** A node that does not run is no mistake: it reads the file when it starts. */
async function tell(change: () => Promise<void>, done: string): Promise<void> {
  try {
    await change();
    console.log(done);
  } catch (cause) {
    const error = RuthError.from(cause);
    if (error.code !== 'unreachable') throw new RuthError(error.code, `the file is changed, but the running node refused: ${error.message}`, { cause });
    console.log('no node runs here: it takes effect at the next start');
  }
}
