// `ruth camera list`: how the cameras of the running node are; without one, which cameras the file names.
import { existsSync } from 'node:fs';
import { type CameraStatus, redactUrls, RuthError } from '@ruth/protocol';
import type { Command } from 'commander';
import { SettingsFile } from '../../settings/settings-file.ts';
import { oneShot } from './one-shot.ts';
import { RunningNode } from '../../supervisor/running-node.ts';
import { bitrate, number, size, table } from './table.ts';

export function addListCommand(camera: Command): void {
  camera.command('list')
    .description('how each camera is')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--json', 'one JSON object instead of the table', false)
    .action((options: { config: string; json: boolean }) => oneShot(async () => {
      const { settings } = SettingsFile.read(options.config);
      const running = await new RunningNode(settings).cameras().catch((cause: unknown) => {
        if (RuthError.from(cause).code === 'unreachable') return null;
        throw cause;
      });
      const named = settings.cameras.map(({ id, name, url }) => ({ camera_id: id, name, url: redactUrls(url) }));
      if (options.json) console.log(JSON.stringify({ running: running !== null, cameras: running ?? named }));
      else if (running === null) console.log(named.length === 0 ? `no node runs here, and ${existsSync(options.config) ? `${options.config} names no camera` : `there is no ${options.config}`}` : `no node runs here; ${options.config} names\n${table(['ID', 'NAME', 'URL'], named.map((one) => [one.camera_id, one.name, one.url]))}`);
      else console.log(cameraTable(running));
    }));
}

export function cameraTable(cameras: readonly CameraStatus[]): string {
  return table(['ID', 'STATE', 'CODEC', 'SIZE', 'FPS', 'BITRATE', 'RECORDING', 'LAST ERROR'], cameras.map((camera) => [
    camera.camera_id, camera.state, [camera.codec ?? '-', ...(camera.audio_codec === null ? [] : [camera.audio_codec])].join('+'), size(camera.width, camera.height),
    number(camera.fps), bitrate(camera.bitrate_bps), camera.recording.cause === null ? camera.recording.state : `${camera.recording.state}: ${camera.recording.cause}`,
    camera.last_error === null ? '' : redactUrls(camera.last_error.message),
  ]));
}
