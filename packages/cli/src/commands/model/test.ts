// `ruth model test` and `ruth model bench`: what a model sees on pictures, and how fast it is here; beside whatever runs.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseManifest } from '@ruth/protocol';
import type { Command } from 'commander';
import { readFileSync, existsSync } from 'node:fs';
import { contactSheet, encodeSheet, type SeenPicture } from '../../onboarding/contact-sheet.ts';
import { foundText, speedText } from '../../onboarding/add-model.ts';
import { megabytes } from '../../onboarding/model-source.ts';
import { samplePictures } from '../../onboarding/sample-pictures.ts';
import { measureSpeed, PictureRings, startTrial } from '../../onboarding/trial-container.ts';
import { oneShot } from '../camera/one-shot.ts';
import { ModelSettings } from './model-settings.ts';
import { interruptible, steps } from './steps.ts';
import { limitsOf, type TrialOptions, withTrialOptions } from './trial-options.ts';

export function addTestCommands(model: Command): void {
  withTrialOptions(model.command('test <id|folder>').description('show a model pictures and draw what it sees'))
    .option('--picture <file>', 'where to draw it (.jpg or .png)', 'model-test.jpg')
    .action((target: string, options: TrialOptions & { picture: string }) => oneShot(() => interruptible(async (signal) => {
      const folder = folderOf(target, options.config);
      const { step } = steps(options);
      const pictures = await samplePictures(options.samples);
      using rings = new PictureRings(pictures);
      const loading = step('load');
      await using container = await startTrial(folder, rings.directory, limitsOf(options, signal));
      loading.done(`on ${container.device}`);
      const looking = step('look');
      const seen: SeenPicture[] = [];
      for (const [index, picture] of pictures.entries()) seen.push({ ...picture, detections: (await container.look(rings.rings[index]!.path, 0)).detections });
      looking.done(foundText(seen));
      const path = join(folder, 'model.yaml');
      const manifest = parseManifest(readFileSync(path, 'utf8'), path);
      const names = manifest.output_schema.keypoint_names ?? [];
      const sheet = contactSheet(seen, { title: manifest.model_name, subtitle: foundText(seen), skeleton: (manifest.output_schema.skeleton ?? []).map(([from, to]) => [names.indexOf(from), names.indexOf(to)] as const) });
      writeFileSync(options.picture, await encodeSheet(sheet, options.picture));
      if (options.json) console.log(JSON.stringify({ model_id: container.modelId, picture: resolve(options.picture), pictures: seen.map(({ name, detections }) => ({ name, detections })) }));
      else console.log(`drawn: ${resolve(options.picture)}`);
    })));

  withTrialOptions(model.command('bench <id|folder>').description('measure a model on this machine: a frame at a time, and with all cores'))
    .action((target: string, options: TrialOptions) => oneShot(() => interruptible(async (signal) => {
      const folder = folderOf(target, options.config);
      using rings = new PictureRings(await samplePictures(options.samples));
      await using container = await startTrial(folder, rings.directory, limitsOf(options, signal));
      const speed = await measureSpeed(container, rings.rings, options.measure * 1000);
      if (options.json) {
        console.log(JSON.stringify({
          model_id: container.modelId, device: container.device, sessions: container.sessions, ms_per_frame: speed.msPerFrame, inference_ms: speed.inferenceMs,
          frames_per_second: speed.framesPerSecond, cameras_at_5_fps: speed.cameras, peak_bytes: container.peakBytes,
        }));
      } else console.log(`${container.modelId} on ${container.device}, ${container.sessions} sessions, ${megabytes(container.peakBytes)} of memory: ${speedText(speed)}`);
    })));
}

/** A folder with a model.yaml, or a model of the node. */
export function folderOf(target: string, config: string): string {
  return existsSync(join(target, 'model.yaml')) ? resolve(target) : new ModelSettings(config).folderOf(target);
}
