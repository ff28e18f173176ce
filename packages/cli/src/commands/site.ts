// `ruth site`: the cameras and the nodes of a site, asked and changed from any of its nodes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { isClockOff, SiteStatus, validator, type SiteCamera, type SiteCredentials, type SiteLabels, type SiteOutbox } from '@ruth/protocol';
import { InvalidArgumentError, type Command } from 'commander';
import { entryOf } from '../supervisor/definitions.ts';
import { oneShot } from './camera/one-shot.ts';
import { secretInput } from './camera/secret-input.ts';
import { table } from './camera/table.ts';
import { unclaimedText } from './status.ts';
import { becomeEntry } from './entry-process.ts';
import { addUnclaimedCommand } from './site-unclaimed.ts';

interface AddOptions { config: string; name?: string; detectUrl?: string; require?: SiteLabels; prefer?: SiteLabels; cores?: number }

const siteStatus = validator(SiteStatus);
const ENTRY = entryOf('@ruth/fleet', 'site-main.ts');

export function addSiteCommand(program: Command): void {
  const site = program.command('site').description('the cameras and nodes of a site of many nodes (`site:` in ruth.yaml)');
  const config = (command: Command): Command => command.option('-c, --config <file>', 'settings that name the NATS servers of the site', 'ruth.yaml');

  config(site.command('status').description('which nodes live, and which has which camera')).option('--json', 'one JSON object instead of tables', false)
    .action(({ config: file, json }: { config: string; json: boolean }) => oneShot(async () => {
      const child = spawn(process.execPath, [ENTRY, '-c', file, 'status'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit') as Promise<[number | null]>;
      const answer = await text(child.stdout);
      if ((await ended)[0] !== 0) process.exitCode = 1;
      else if (json) process.stdout.write(answer);
      else console.log(statusText(siteStatus.parse(JSON.parse(answer), 'internal')));
    }));

  config(site.command('add <camera> <url>').description('add a camera to the site, or change it: any node may have it; "-" as url reads it from standard input'))
    .option('--name <name>', 'shown on the page')
    .option('--detect-url <url>', 'a second, smaller stream that is decoded for models')
    .option('--require <label=value>', 'only nodes with this label; may be given several times', label)
    .option('--prefer <label=value>', 'rather nodes with this label; may be given several times', label)
    .option('--cores <number>', 'what it costs a node; 0.05 unless told', Number)
    .action((id: string, url: string, options: AddOptions) => oneShot(async () => {
      const { name, detectUrl, require, prefer, cores } = options;
      const camera: SiteCamera = {
        camera: { id, url: await secretInput(url, 'Camera URL'), ...(name === undefined ? {} : { name }), ...(detectUrl === undefined ? {} : { detect_url: detectUrl }) },
        ...(require === undefined ? {} : { require }), ...(prefer === undefined ? {} : { prefer }), ...(cores === undefined ? {} : { cost_cores: cores }),
      };
      const child = spawn(process.execPath, [ENTRY, '-c', options.config, 'put'], { stdio: ['pipe', 'inherit', 'inherit'] });
      child.stdin.on('error', () => undefined).end(JSON.stringify(camera));
      const [code] = await once(child, 'exit') as [number | null];
      if (code === 0) console.log(`the site has ${id}; which node takes it: ruth site status`);
      else process.exitCode = 1;
    }));

  config(site.command('seal').description('seal with the newest key of the site what credentials of cameras lie in NATS in the clear, or sealed with an older one')).option('--accept-missing', 'also where a node that lives does not have that key', false)
    .action(({ config: file, acceptMissing }: { config: string; acceptMissing: boolean }) => becomeEntry(ENTRY, ['-c', file, 'seal', ...(acceptMissing ? ['--accept-missing'] : [])], 1));

  addUnclaimedCommand(site);

  const key = site.command('key').description('the key that seals credentials of cameras: a file that is the same on all nodes of the site');
  for (const [name, description] of [
    ['make', 'make the file, once for a site; then bring it to every node'],
    ['rotate', 'put a new key before those that are there, which go on opening what they sealed'],
    ['forget', 'take away all keys but the newest, once all is sealed with that'],
    ['show', 'which file it is, and the names of its keys'],
  ] as const) config(key.command(name).description(description)).action(({ config: file }: { config: string }) => becomeEntry(ENTRY, ['-c', file, 'key', name], 1));

  config(site.command('drain <node>').description('have other nodes take the cameras of a node, as far as they have room, and give it none'))
    .option('--wait <seconds>', 'until it has none, so long at most; ends with 1 where it has some still')
    .option('--until-start', 'the node takes it back when it starts anew: before it is ended', false)
    .action((id: string, { config: file, wait, untilStart }: { config: string; wait?: string; untilStart: boolean }) => becomeEntry(ENTRY, ['-c', file, 'drain', id, ...(wait === undefined ? [] : ['--wait', wait]), ...(untilStart ? ['--until-start'] : [])], 1));

  for (const [name, argument, description] of [
    ['remove', 'camera', 'take a camera from the site; what was recorded stays where it is'],
    ['undrain', 'node', 'let a node have cameras again'],
  ] as const) {
    config(site.command(`${name} <${argument}>`).description(description)).action((id: string, { config: file }: { config: string }) => becomeEntry(ENTRY, ['-c', file, name, id], 1));
  }
}

function statusText({ leader, nodes, cameras, key_ids: keyIds }: SiteStatus): string {
  const nodeRows = sorted(nodes).map(([id, { state, cameras: count, capacity_cores: cores, labels, outbox }]) => [id, id === leader ? `${state}, leads` : state, String(count), String(cores), outboxText(outbox), Object.entries(labels).map((one) => one.join('=')).join(' ')]);
  const cameraRows = sorted(cameras).map(([id, { node, state, refused }]) => [id, node ?? '-', refused ?? state]);
  return [table(['NODE', 'STATE', 'CAMERAS', 'CORES', 'EVENTS', 'LABELS'], nodeRows), ...(nodeRows.length === 0 ? ['no node has come to the site yet: one does some seconds after `ruth up` with these NATS servers began'] : []), table(['CAMERA', 'NODE', 'STATE'], cameraRows), ...clockNotes(nodes), ...unclaimedNotes(nodes), ...keyNotes(nodes, cameras, keyIds)].join('\n\n');
}

const sorted = <T>(byName: Readonly<Record<string, T>>): [string, T][] => Object.entries(byName).sort(([one], [other]) => one.localeCompare(other));

/** What nodes recorded without a lease and nobody has decided about; nothing on a good day. */
function unclaimedNotes(nodes: SiteStatus['nodes']): string[] {
  return Object.entries(nodes).flatMap(([id, { state, unclaimed }]) => (unclaimed === null ? [] : [`${id} has recorded aside: ${unclaimedText(unclaimed)}; ${state === 'gone' ? 'what of it no other node recorded is claimed when it is back' : 'what of it no other node recorded is claimed within seconds, else its log says why not'}`]));
}

/** Nothing on a good day. */
function clockNotes(nodes: SiteStatus['nodes']): string[] {
  return Object.entries(nodes).flatMap(([id, { state, clock }]) => (state === 'gone' || clock === null || !isClockOff(clock) ? [] : [`${id}: its clock is ${Math.abs(clock.ahead_s).toFixed(1)} s ${clock.ahead_s > 0 ? 'ahead of' : 'behind'} that of NATS, and recordings are dated by it; run NTP on all nodes, and where NATS runs`]));
}

/** What is to be done about credentials; nothing on a good day. */
function keyNotes(nodes: SiteStatus['nodes'], cameras: SiteStatus['cameras'], [newest]: readonly string[]): string[] {
  const those = (state: SiteCredentials): string => Object.entries(cameras).filter(([, { credentials }]) => credentials === state).map(([id]) => id).join(', ');
  const without = newest === undefined ? [] : Object.entries(nodes).filter(([, { state, key_ids: ids }]) => state !== 'gone' && !ids.includes(newest)).map(([id]) => id);
  return ([
    [those('clear'), 'their credentials lie in NATS in the clear; ruth site seal'],
    [those('older_key'), 'sealed with an older key; ruth site seal'],
    [those('unknown_key'), 'sealed with a key that is not here; bring the newest key file here'],
    [without.join(', '), `these nodes do not have the key ${newest}; bring the key file there`],
  ] as const).filter(([named]) => named !== '').map(([named, note]) => `${named}: ${note}`);
}

/** Events of a node on their way to the site. */
function outboxText(outbox: SiteOutbox | null): string {
  if (outbox === null) return '-';
  const { waiting, oldest_age_s: ageS, dropped } = outbox;
  const parts = [...(waiting === 0 ? [] : [`${waiting} wait, for up to ${Math.ceil(ageS / 60)} min`]), ...(dropped === 0 ? [] : [`${dropped} lost`])];
  return parts.length === 0 ? 'all here' : parts.join(', ');
}

function label(given: string, before: SiteLabels = {}): SiteLabels {
  const [, key, value] = /^([^=]+)=(.+)$/.exec(given) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('write it as label=value');
  return { ...before, [key]: value };
}
