// `ruth camera probe`: what a camera sends, measured, and what to change about it. Needs no node that runs.
import { cameraUrlProblem, isId, ProbeReport, type ProbeRequest, RuthError, validator } from '@ruth/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { SettingsFile } from '../../settings/settings-file.ts';
import { entryOf } from '../../supervisor/definitions.ts';
import { childJob } from '../../supervisor/child-job.ts';
import { oneShot } from './one-shot.ts';
import { secretInput } from './secret-input.ts';
import { bitrate, number, size } from './table.ts';

interface ProbeOptions { config: string; seconds: number; transport?: string; json: boolean }

/** Opening may try three ways, of up to ten seconds each. */
const OPEN_LIMIT_MS = 45_000;
const report = validator(ProbeReport);

export function addProbeCommand(camera: Command): void {
  camera.command('probe <url|id>')
    .description('read a camera for some seconds and say what it sends and what to change; "-" reads the URL from standard input')
    .option('-c, --config <file>', 'where the camera of that id, and camera_addresses, stand', 'ruth.yaml')
    .option('--seconds <n>', 'how long to look; longer where keyframes are rare', seconds, 5)
    .option('--transport <tcp|udp>', 'only this one')
    .option('--json', 'one JSON object', false)
    .action((target: string, options: ProbeOptions) => oneShot(async () => {
      const { transport } = options;
      if (transport !== undefined && transport !== 'tcp' && transport !== 'udp') throw new RuthError('bad_request', '--transport is tcp or udp');
      const task: ProbeRequest = { ...await cameraOf(target, options.config), ...(transport === undefined ? {} : { transport }), seconds: options.seconds };
      if (process.stderr.isTTY && !options.json) process.stderr.write(`looking for ${options.seconds} s or more ...\n`);
      const found = report.parse(await childJob(entryOf('@ruth/kernel', 'probe/probe-main.ts'), task, 'report', OPEN_LIMIT_MS + 3000 * options.seconds), 'internal');
      console.log(options.json ? JSON.stringify(found) : probeText(found));
    }));
}

async function cameraOf(target: string, config: string): Promise<Pick<ProbeRequest, 'url' | 'transport' | 'detect_stream' | 'addresses'>> {
  const { cameras, cameraAddresses: addresses } = SettingsFile.read(config).settings;
  if (isId(target)) {
    const camera = cameras.find(({ id }) => id === target);
    if (!camera) throw new RuthError('camera_not_found', `${config} has no camera ${target}; give its URL`);
    return { url: camera.url, transport: camera.transport, detect_stream: camera.detectUrl !== null, addresses };
  }
  const url = await secretInput(target, 'Camera URL');
  const problem = cameraUrlProblem(url);
  if (problem !== null) throw new RuthError('bad_request', `the URL ${problem}`);
  return { url, transport: null, detect_stream: false, addresses };
}

export function probeText(probe: ProbeReport): string {
  const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)} ms`);
  const lines: [string, string][] = [
    ['camera', probe.url],
    ['transport', [probe.transport, ...Object.entries(probe.refused_transports).map(([way, why]) => `(${way}: ${why})`)].join(' ')],
    ['video', `${probe.codec}${probe.profile === null ? '' : ` ${probe.profile}`}  ${size(probe.width, probe.height)}  ${bitrate(probe.bitrate_bps)}`],
    ['frame rate', `${number(probe.fps)} fps measured, ${probe.stated_fps === null ? 'none stated' : `${number(probe.stated_fps)} stated`}`],
    ['keyframes', probe.keyframe_interval_s === null ? `fewer than two in ${number(probe.measured_s)} s` : `every ${number(probe.keyframe_interval_s, 2)} s (${probe.pictures_per_keyframe} pictures)`],
    ['B-frames', probe.b_frames === null ? '-' : probe.b_frames ? 'yes' : 'no'],
    ['sound', probe.audio_codec ?? 'none'],
    ['clock', clockText(probe)],
    ['lost', probe.packets_lost === null ? 'not known' : `${probe.packets_lost} packets`],
    ['start', `connected in ${ms(probe.connect_ms)}, first picture after ${ms(probe.first_picture_ms)}`],
  ];
  const marks = { good: '+', note: '-', problem: '!' };
  return [...lines.map(([name, value]) => `${name.padEnd(11)} ${value}`), '', ...probe.advice.map(({ level, text }) => `${marks[level]} ${text}`)].join('\n');
}

function clockText(probe: ProbeReport): string {
  const parts = [
    probe.sender_reports === null ? [] : [probe.sender_reports ? 'sender reports' : 'no sender reports'],
    probe.clock_offset_s === null ? [] : [`${number(probe.clock_offset_s, 2)} s from ours`],
    probe.clock_drift_ppm === null ? [] : [`drift ${number(probe.clock_drift_ppm, 0)} ppm`],
  ].flat();
  return parts.length === 0 ? 'not known' : parts.join(', ');
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 60)) throw new InvalidArgumentError('It must be 1 to 60.');
  return value;
}
