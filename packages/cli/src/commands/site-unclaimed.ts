// `ruth site unclaimed`: what the node that runs here recorded aside, without a lease, and nobody has decided about: shown, taken in among the recordings, or deleted.
import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ClaimResult, Holdings, kernelSocketPath, PlacementStatus, RuthError, validator, type SiteSpan } from '@ruth/protocol';
import { ask } from '@ruth/transport';
import type { Command } from 'commander';
import { SettingsFile } from '../settings/settings-file.ts';
import { oneShot } from './camera/one-shot.ts';
import { table } from './camera/table.ts';
import { unclaimedText } from './status.ts';

interface Options { readonly config: string; readonly take: boolean; readonly delete: boolean; readonly yes: boolean }

/** The kernel reads what it takes in. */
const CLAIM_ANSWER_MS = 600_000;
/** Each question has the kernel look anew, and is answered with what it saw before. */
const LOOKS = 2;
const BETWEEN_LOOKS_MS = 500;
const placementStatus = validator(PlacementStatus);
const holdings = validator(Holdings);
const claimResult = validator(ClaimResult);

export function addUnclaimedCommand(site: Command): void {
  site.command('unclaimed [cameras...]')
    .description('what this node recorded aside, without a lease, and is not among its recordings; of all cameras unless some are named')
    .option('-c, --config <file>', 'settings of this node', 'ruth.yaml')
    .option('--take', 'take it in among the recordings, except where there are some already; other nodes are not asked whether they have it, too', false)
    .option('--delete', 'delete it', false)
    .option('--yes', 'without a question', false)
    .action((cameras: string[], options: Options) => oneShot(() => unclaimed(cameras, options)));
}

async function unclaimed(named: readonly string[], { config, take, delete: deletes, yes }: Options): Promise<void> {
  if (take && deletes) throw new RuthError('bad_request', '--take and --delete: one of the two');
  const { settings } = SettingsFile.read(config);
  const kernel = kernelSocketPath(settings.socketDirectory);
  const look = async (): Promise<PlacementStatus> => placementStatus.parse(await ask(kernel, 'GET', '/v1/placement'), 'internal');
  let status = await look();
  for (let looks = 1; looks < LOOKS; looks++) {
    await delay(BETWEEN_LOOKS_MS);
    status = await look();
  }
  const { unclaimed: all = {}, unclaimed_files: files } = status;
  const unknown = named.filter((id) => !all[id]);
  if (unknown.length > 0) throw new RuthError('not_found', `nothing lies aside of ${unknown.join(', ')}${Object.keys(all).length > 0 ? `; of ${Object.keys(all).join(', ')} something does` : ''}`);
  const chosen = Object.entries(all).filter(([id]) => named.length === 0 || named.includes(id));
  if (chosen.length === 0) return console.log('nothing lies aside');
  const spans = new Map<string, SiteSpan[]>();
  for (const [id, { from, to }] of chosen) spans.set(id, holdings.parse(await ask(kernel, 'POST', '/v1/placement/holdings', { camera: id, start: from, end: to + 1 }), 'internal').aside);
  console.log(table(['CAMERA', 'FROM', 'TO', 'MIN'], [...spans].flatMap(([id, its]) => its.map(({ start, end }) => [id, date(start), date(end), ((end - start) / 60).toFixed(1)]))));
  if (files) console.log(`\nin all: ${unclaimedText(files)}`);
  if (!take && !deletes) return;
  if (!yes && !await agrees(take ? 'Take this in among the recordings? Where another node has recorded it, it is there twice then.' : 'Delete this? It cannot be brought back.')) throw new RuthError('cancelled', 'nothing was changed');
  for (const [id, { from, to }] of chosen) {
    const everything = [{ start: Math.max(0, from - 1), end: to + 60 }];
    const { claimed_s: seconds, left_files: left } = claimResult.parse(await ask(kernel, 'POST', '/v1/placement/claim', { camera: id, claim: take ? everything : [], delete: take ? [] : everything }, { timeoutMs: CLAIM_ANSWER_MS }), 'internal');
    console.log(`${id}: ${take ? `${(seconds / 60).toFixed(1)} min are among the recordings now` : 'deleted'}${left > 0 ? `; ${left} ${left === 1 ? 'file is' : 'files are'} left, being written still` : ''}`);
  }
}

const date = (atS: number): string => `${new Date(atS * 1000).toISOString().slice(0, 19)}Z`;

async function agrees(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new RuthError('bad_request', 'nobody can be asked here: say --yes');
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
