// Options that every command shares that tries a model: pictures, limits, licence.
import { createInterface } from 'node:readline/promises';
import { RuthError } from '@ruth/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import type { ChildLimits } from '../../onboarding/guarded-child.ts';
import type { SourceOptions } from '../../onboarding/model-source.ts';
import { progressLine } from './steps.ts';

export interface TrialOptions { config: string; samples?: string; timeLimit: number; memoryLimit: number; measure: number; json: boolean }
export interface FetchOptions { sha256?: string; sizeLimit: number; acceptLicense: boolean; progress: boolean }

export function withTrialOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .option('--samples <folder|picture|clip>', 'pictures to try it on; photos of people that come with Ruth unless told')
    .option('--time-limit <s>', 'for loading and for trying', positive, 180)
    .option('--memory-limit <GB>', 'for the process that loads it', positive, 4)
    .option('--measure <s>', 'how long speed is measured', positive, 4)
    .option('--json', 'one JSON object on standard output', false);
}

export function withFetchOptions(command: Command): Command {
  return command
    .option('--sha256 <hash>', 'of the weights, as their author states it; "none" where there is none')
    .option('--size-limit <MB>', 'of what is fetched', positive, 1000)
    .option('--accept-license', 'the licence that is shown is accepted (for scripts)', false)
    .option('--progress', 'how far it is, and what went wrong, as JSON lines on standard error', false);
}

export function limitsOf({ timeLimit, memoryLimit }: TrialOptions, signal: AbortSignal): ChildLimits {
  return { timeMs: timeLimit * 1000, memoryBytes: memoryLimit * 1e9, signal };
}

export function sourceOptions({ sha256, sizeLimit, acceptLicense, timeLimit, progress }: FetchOptions & TrialOptions, signal: AbortSignal): SourceOptions {
  return {
    sha256, mostBytes: sizeLimit * 1e6, timeMs: Math.max(timeLimit, 600) * 1000, signal, report: () => undefined,
    async acceptLicense(of, license, note) {
      if (progress) progressLine({ license: { of, license, note: note ?? null } });
      else process.stderr.write(`\n  ${of}\n  Licence: ${license}${note === undefined ? '' : `\n  ${note}`}\n`);
      if (acceptLicense) return;
      if (!process.stdin.isTTY) throw new RuthError('cancelled', `the licence of ${of} was not accepted; read it, and give --accept-license`);
      if (!/^y(es)?$/i.test(await question('  Fetch it under this licence? [y/N] ', signal))) throw new RuthError('cancelled', 'the licence was not accepted: nothing was fetched');
    },
    async askSha256(of) {
      if (!process.stdin.isTTY) throw new RuthError('bad_request', `${of}: give the sha256 of the file as its author states it, or none where there is none (--sha256; sha256 of a model job)`);
      const answer = (await question('  sha256 that its author states (Enter if there is none): ', signal)).trim();
      return answer === '' ? undefined : answer;
    },
  };
}

async function question(text: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(text, { signal });
  } finally {
    lines.close();
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1e6)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
