// `ruth camera discover`: which ONVIF cameras are in this network, and with credentials the URLs to give to `ruth camera add`.
import { DiscoveredDevice, type DiscoverRequest, RuthError, validator } from '@ruth/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { SettingsFile } from '../../settings/settings-file.ts';
import { entryOf } from '../../supervisor/definitions.ts';
import { childJob } from '../../supervisor/child-job.ts';
import { oneShot } from './one-shot.ts';
import { secretInput } from './secret-input.ts';
import { number, size, table } from './table.ts';

interface DiscoverOptions { config: string; user?: string; interface?: string; timeout: number; show: boolean; json: boolean }

/** Devices are asked eight at a time, some of them in vain. */
const ASK_LIMIT_MS = 120_000;
const discoveredDevice = validator(DiscoveredDevice);

export function addDiscoverCommand(camera: Command): void {
  camera.command('discover')
    .description('find ONVIF cameras in this network')
    .option('-c, --config <file>', 'whose camera_addresses hold: no device elsewhere is asked', 'ruth.yaml')
    .option('--user <name>', 'also ask each for its streams; the password is read from standard input')
    .option('--interface <name>', 'network interface to ask on; that of the default route unless told')
    .option('--timeout <seconds>', 'how long to wait for answers', seconds, 3)
    .option('--show', 'print URLs with user and password, ready to paste', false)
    .option('--json', 'one JSON object', false)
    .action((options: DiscoverOptions) => oneShot(async () => {
      const credentials = options.user === undefined ? null : { user: options.user, password: await secretInput('-', 'Password') };
      const task: DiscoverRequest = { timeout_ms: Math.round(options.timeout * 1000), interface: options.interface ?? null, credentials, addresses: SettingsFile.read(options.config).settings.cameraAddresses };
      const answer = await childJob(entryOf('@ruth/kernel', 'onvif/discover-main.ts'), task, 'devices', task.timeout_ms + ASK_LIMIT_MS);
      if (!Array.isArray(answer)) throw new RuthError('internal', 'the search answered no list');
      const devices = answer.map((device) => discoveredDevice.parse(device, 'internal'));
      if (options.show && credentials) for (const device of devices) device.streams = device.streams?.map((stream) => ({ ...stream, url: withCredentials(stream.url, credentials) })) ?? null;
      console.log(options.json ? JSON.stringify({ devices }) : discoveryText(devices, credentials !== null));
    }));
}

export function discoveryText(devices: readonly DiscoveredDevice[], asked: boolean): string {
  if (devices.length === 0) return 'no ONVIF camera answered; many have ONVIF switched off, and others are in another network. A camera needs none: ruth camera probe rtsp://...';
  const text = table(['ADDRESS', 'NAME', 'HARDWARE', 'ONVIF'], devices.map((device) => [device.address, device.name ?? '-', device.hardware ?? '-', device.onvif_url]));
  const refused = devices.filter(({ error }) => error !== null).map(({ error }) => `\n${error}`).join('');
  if (!asked) return `${text}\n${refused}\nwith --user <name> each is asked for its streams`;
  return [text, ...devices.map((device) => {
    if (device.streams === null) return `\n${device.address}: ${device.error ?? 'tells no streams'}`;
    return `\n${device.address}${device.error === null ? '' : `: ${device.error}`}\n${table(['  PROFILE', 'CODEC', 'SIZE', 'FPS', 'PTZ', 'URL'], device.streams.map((stream) => [
      `  ${stream.profile}`, stream.codec ?? '-', size(stream.width, stream.height), number(stream.fps), stream.ptz ? 'yes' : 'no', stream.url,
    ]))}`;
  })].join('\n');
}

function withCredentials(text: string, { user, password }: { user: string; password: string }): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  return url.href;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 60)) throw new InvalidArgumentError('It must be 0.1 to 60.');
  return value;
}
