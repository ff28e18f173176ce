// `ruth model swap` and `ruth model rollback`: another version of a model takes its place, without a request lost, and goes back as easily.
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RuthError } from '@ruth/protocol';
import type { Command } from 'commander';
import { addModel } from '../../onboarding/add-model.ts';
import { ComparisonTally, comparisonText, type Comparison } from '../../onboarding/compare.ts';
import { contactSheet, encodeSheet } from '../../onboarding/contact-sheet.ts';
import { nextVersion, noteReplaced, pruneVersions, versionBefore } from '../../onboarding/model-versions.ts';
import { samplePictures, type SamplePicture } from '../../onboarding/sample-pictures.ts';
import { PictureRings, startTrial } from '../../onboarding/trial-container.ts';
import { oneShot } from '../camera/one-shot.ts';
import { addedJson } from './add.ts';
import { ModelSettings } from './model-settings.ts';
import { interruptible, steps } from './steps.ts';
import { type FetchOptions, limitsOf, sourceOptions, type TrialOptions, withFetchOptions, withTrialOptions } from './trial-options.ts';

type SwapOptions = TrialOptions & FetchOptions & { format?: string; names?: string; shadow: boolean; for: number; picture: string };

export function addSwapCommands(model: Command): void {
  withFetchOptions(withTrialOptions(model.command('swap <id> <source>').description('try another version of a model and put it in its place, without a request lost')))
    .option('--format <format>', 'how its outputs are read, where that cannot be told from them')
    .option('--names <file>', 'class names, one a line')
    .option('--shadow', 'swap nothing: ask both about the same pictures and say how they differ', false)
    .option('--for <s>', 'how long to compare', Number, 60)
    .option('--picture <file>', 'where --shadow draws the worst disagreements', 'model-shadow.jpg')
    .action((id: string, given: string, options: SwapOptions) => oneShot(() => interruptible((signal) => swap(id, given, options, signal)), { asJson: options.progress }));

  model.command('rollback <id>')
    .description('put the version of a model back that served before')
    .option('-c, --config <file>', 'settings', 'ruth.yaml')
    .action((id: string, options: { config: string }) => oneShot(async () => {
      const settings = new ModelSettings(options.config);
      const before = versionBefore(settings.folderOf(id), settings.modelsDirectory);
      const isRunning = await settings.replace(id, before);
      console.log(`${id} is what it was: ${before}${isRunning ? '' : '; no node runs here, so from the next start on'}`);
    }));
}

async function swap(id: string, given: string, options: SwapOptions, signal: AbortSignal): Promise<void> {
  const settings = new ModelSettings(options.config);
  const present = settings.folderOf(id);
  const pictures = await samplePictures(options.samples);
  const added = await addModel(given, {
    modelsDirectory: settings.modelsDirectory, pictures, id, format: options.format, names: options.names, source: sourceOptions(options, signal), limits: limitsOf(options, signal), measureMs: options.measure * 1000,
    versionFolder: () => nextVersion(id, settings.modelsDirectory), ...steps(options),
  });
  const discard = (): void => rmSync(added.folder, { recursive: true, force: true });
  if (options.shadow) {
    try {
      await shadow(present, added.folder, pictures, options, signal);
    } finally {
      discard();
    }
    return;
  }
  noteReplaced(added.folder, present);
  let isRunning: boolean;
  try {
    isRunning = await settings.replace(id, added.folder);
  } catch (cause) {
    discard();
    throw new RuthError(RuthError.from(cause).code, `${id} stays as it is: ${(cause as Error).message}`, { cause });
  }
  const gone = pruneVersions(id, settings.modelsDirectory, added.folder);
  if (options.json) console.log(JSON.stringify({ ...addedJson(added, isRunning), replaced: present, deleted: gone }));
  else console.log(`${id} is ${added.folder} now${isRunning ? ', not a request lost' : '; no node runs here, so from the next start on'}. Back with: ruth model rollback ${id}${gone.length > 0 ? `\ndeleted, as older: ${gone.join(', ')}` : ''}`);
}

async function shadow(before: string, after: string, pictures: readonly SamplePicture[], options: SwapOptions, signal: AbortSignal): Promise<void> {
  using rings = new PictureRings(pictures);
  const limits = { ...limitsOf(options, signal), timeMs: (options.timeLimit + options.for) * 1000 };
  const comparing = steps(options).step('compare');
  await using one = await startTrial(before, rings.directory, limits);
  await using other = await startTrial(after, rings.directory, limits);
  const tally = new ComparisonTally();
  const frames = pictures.flatMap((picture, index) => [0, 1].map((frame) => ({ picture, frame, path: rings.rings[index]!.path })));
  const until = performance.now() + options.for * 1000;
  for (let turn = 0; turn < frames.length || performance.now() < until; turn++) {
    signal.throwIfAborted();
    const { picture, frame, path } = frames[turn % frames.length]!;
    comparing.say(`${turn} pictures, ${Math.max(0, Math.round((until - performance.now()) / 1000))} s to go`);
    await tally.look(() => one.look(path, frame), () => other.look(path, frame), () => (frame === 0 && turn < frames.length ? picture : null));
  }
  const result = tally.result();
  comparing.done(`${result.detections.before} detections before, ${result.detections.after} after, ${result.matched} the same`);
  writeFileSync(options.picture, await encodeSheet(disagreements(result), options.picture));
  const { worst, ...figures } = result;
  if (options.json) console.log(JSON.stringify({ ...figures, worst: worst.map(({ name, disagreement }) => ({ name, disagreement })), picture: resolve(options.picture) }));
  else console.log(`${comparisonText(result)}\nworst disagreements: ${resolve(options.picture)}\nnothing was swapped`);
}

function disagreements({ worst, matched, detections }: Comparison): ReturnType<typeof contactSheet> {
  return contactSheet(worst.slice(0, 4).flatMap(({ name, canvas, before, after }) => [
    { name: `${name}, before`, canvas, detections: before }, { name: `${name}, after`, canvas, detections: after },
  ]), { title: 'Where the two disagree most', subtitle: `${detections.before} detections before, ${detections.after} after, ${matched} the same`, skeleton: [] }, 2);
}

