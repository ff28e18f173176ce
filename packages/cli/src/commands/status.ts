// `ruth status`: the node that runs here: its processes, its cameras, and how many more the machine carries.
import { existsSync } from 'node:fs';
import { Capacity, copierSocketPath, CopiesStatus, kernelSocketPath, RuthError, StorageStatus, SupervisedProcessStatus, supervisorSocketPath, validator, type UnclaimedFiles } from '@ruth/protocol';
import { ask } from '@ruth/transport';
import type { Command } from 'commander';
import { SettingsFile } from '../settings/settings-file.ts';
import { RunningNode } from '../supervisor/running-node.ts';
import { cameraTable } from './camera/list.ts';
import { oneShot } from './camera/one-shot.ts';
import { number, table } from './camera/table.ts';

const processStatus = validator(SupervisedProcessStatus);
const capacities = validator(Capacity);
const copiesStatus = validator(CopiesStatus);
const storageStatus = validator(StorageStatus);

export function addStatusCommand(program: Command): void {
  program.command('status')
    .description('how the node that runs here is: processes, cameras, and how many more cameras the machine carries')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--json', 'one JSON object instead of tables', false)
    .action((options: { config: string; json: boolean }) => oneShot(async () => {
      const { settings } = SettingsFile.read(options.config);
      const supervisor = supervisorSocketPath(settings.socketDirectory);
      const running = (await ask(supervisor, 'GET', '/v1/processes').catch((cause: unknown) => noNode(cause, options.config)) as unknown[]).map((one) => processStatus.parse(one, 'internal'));
      const orWhy = <T>(asked: Promise<T>): Promise<T | RuthError> => asked.catch((cause: unknown) => RuthError.from(cause));
      const [cameras, capacity] = await Promise.all([orWhy(new RunningNode(settings).cameras()), orWhy(ask(supervisor, 'GET', '/v1/capacity').then((answer) => capacities.parse(answer, 'internal')))]);
      const copies = settings.copies === null ? null : await orWhy(ask(copierSocketPath(settings.socketDirectory), 'GET', '/v1/copies').then((answer) => copiesStatus.parse(answer, 'internal')));
      const storage = await orWhy(ask(kernelSocketPath(settings.socketDirectory), 'GET', '/v1/storage').then((answer) => storageStatus.parse(answer, 'internal')));
      const orNull = <T>(answer: T | RuthError): T | null => (answer instanceof RuthError ? null : answer);
      if (options.json) return console.log(JSON.stringify({ processes: running, cameras: orNull(cameras), capacity: orNull(capacity), copies: orNull(copies), storage: orNull(storage) }));
      console.log(processTable(running));
      console.log(`\n${cameras instanceof RuthError ? `cameras: ${cameras.message}` : cameraTable(cameras)}`);
      console.log(`\n${storage instanceof RuthError ? `recordings: ${storage.message}` : storageText(storage)}`);
      if (copies !== null) console.log(`\ncopies: ${copies instanceof RuthError ? copies.message : copiesText(copies)}`);
      if (!(storage instanceof RuthError) && storage.unclaimed) console.log(`\nrecorded aside, in ${storage.directory}/.unclaimed: ${unclaimedText(storage.unclaimed)}${settings.site === null ? `. ${LEFT_SITE}` : ''}`);
      if (!(storage instanceof RuthError) && storage.unclaimed_deleted) console.log(`\n${unclaimedDeletedText(storage.unclaimed_deleted)}`);
      console.log(`\n${capacity instanceof RuthError ? `capacity cannot be told: ${capacity.message}` : capacityText(capacity)}`);
    }));
}

function noNode(cause: unknown, config: string): never {
  const error = RuthError.from(cause);
  if (error.code !== 'unreachable') throw error;
  throw new RuthError('unreachable', `no node with the settings of ${config}${existsSync(config) ? '' : ' (there is no such file: the defaults)'} runs here: ${error.message}; "ruth up" starts one`, { cause });
}

function processTable(running: readonly SupervisedProcessStatus[]): string {
  return table(['PROCESS', 'STATE', 'RESTARTS', 'CPU S', 'MB', 'WHY'], running.map(({ name, state, restarts, cpu_s: cpu, resident_bytes: bytes, reason }) => [name, state, String(restarts), number(cpu), number(bytes === null ? null : bytes / 1e6, 0), reason ?? '']));
}

export function storageText({ directory, state, message, bytes, free_bytes: free, total_bytes: total }: StorageStatus): string {
  if (state === 'off') return 'recordings: nothing is recorded (no `recording:` in the settings)';
  const disk = free === null || total === null ? 'how much is free cannot be told' : `${bytesText(free)} of ${bytesText(total)} free`;
  return `recordings: ${state.replace('_', ' ')}, ${bytesText(bytes)} in ${directory}, ${disk}${message === null ? '' : `\n  ${message}`}`;
}

const bytesText = (bytes: number): string => (bytes < 1e9 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 1)} GB`);

export function copiesText({ bucket, state, copied_files: copied, waiting_files: waiting, waiting_bytes: bytes, damaged_files: damaged, refused_files: refused, refusal, error }: CopiesStatus): string {
  if (state === 'looking') return `what bucket ${bucket} holds is not known yet`;
  const kept = `${copied} kept files lie in bucket ${bucket}${waiting === 0 ? '' : `, ${waiting} wait (${number(bytes / 1e6, 0)} MB)`}`;
  return [kept, ...(damaged === 0 ? [] : [`${damaged} are not what was recorded and are not copied: see "ruth verify"`]), ...(refused === 0 ? [] : [`${refused} the bucket does not take (${refusal})`]), ...(error === null ? [] : [error])].join('; ');
}

/** Of a node that is in no site. */
const LEFT_SITE = 'This node has left its site, so it cannot find out what of it other nodes recorded: "ruth site unclaimed" shows it, with --take it becomes part of the recordings, with --delete it goes';

export const unclaimedText = ({ cameras, files, bytes, since }: UnclaimedFiles): string => `${files} ${files === 1 ? 'file' : 'files'} of ${cameras} ${cameras === 1 ? 'camera' : 'cameras'}, ${number(bytes / 1e6, 0)} MB, since ${new Date(since * 1000).toISOString().slice(0, 19)}Z`;

export function capacityText({ message, resources }: Capacity): string {
  const rows = resources.map(({ kind, name, more_cameras: more, message: why }) => [name === null ? kind : `${kind} ${name}`, more === null ? '-' : String(more), why]);
  return [message, ...(rows.length === 0 ? [] : [table(['LIMIT', 'MORE CAMERAS', ''], rows)])].join('\n');
}

const unclaimedDeletedText = ({ bytes, age, size, room }: NonNullable<StorageStatus['unclaimed_deleted']>): string => `of what was recorded aside, ${number(bytes / 1e6, 0)} MB were deleted since the kernel started, although nobody had decided about them: ${age} files too old, ${size} beyond the size that recordings may have, ${room} as the disk needed room`;
