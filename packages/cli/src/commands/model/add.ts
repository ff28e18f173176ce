// `ruth model add`: from a file, folder, address, npm package or recipe to a model of the node that is known to work.
import { type Command } from 'commander';
import { addModel, type AddedModel } from '../../onboarding/add-model.ts';
import { recipeNames } from '../../onboarding/model-recipe.ts';
import { samplePictures } from '../../onboarding/sample-pictures.ts';
import { oneShot } from '../camera/one-shot.ts';
import { ModelSettings } from './model-settings.ts';
import { interruptible, steps } from './steps.ts';
import { type FetchOptions, limitsOf, sourceOptions, type TrialOptions, withFetchOptions, withTrialOptions } from './trial-options.ts';

type AddCommandOptions = TrialOptions & FetchOptions & { id?: string; format?: string; names?: string };

export function addAddCommand(model: Command): void {
  withFetchOptions(withTrialOptions(model.command('add <source>')
    .description('try a model and add it: an .onnx file, a folder, an https:// address, npm:package[@version][/file], or a recipe')))
    .option('--id <id>', 'its name in paths and messages; that of the file unless told')
    .option('--format <format>', 'how its outputs are read, where that cannot be told from them')
    .option('--names <file>', 'class names, one a line')
    .addHelpText('after', `\nRecipes: ${recipeNames().join(', ')}`)
    .action((given: string, options: AddCommandOptions) => oneShot(() => interruptible(async (signal) => {
      const settings = new ModelSettings(options.config);
      const pictures = await samplePictures(options.samples);
      const added = await addModel(given, {
        modelsDirectory: settings.modelsDirectory, pictures, id: options.id, format: options.format, names: options.names, source: sourceOptions(options, signal), limits: limitsOf(options, signal),
        measureMs: options.measure * 1000, ...steps(options),
      });
      const isRunning = await settings.add(added.id);
      console.log(options.json ? JSON.stringify(addedJson(added, isRunning)) : addedText(added, isRunning, options.config));
    }), { asJson: options.progress }));
}

export function addedJson({ id, folder, manifest, recognition, speed, device, sessions, peakBytes, seen, picture }: AddedModel, isRunning: boolean): object {
  return {
    model_id: id, folder, picture, running: isRunning, format: manifest.output_schema.format, family: recognition?.family ?? null, notes: recognition?.notes ?? [], device, sessions,
    ms_per_frame: speed.msPerFrame, inference_ms: speed.inferenceMs, frames_per_second: speed.framesPerSecond, cameras_at_5_fps: speed.cameras, peak_bytes: peakBytes,
    pictures: seen.map(({ name, detections }) => ({ name, detections: detections.map(({ class_name, confidence, bbox }) => ({ class_name, confidence, bbox })) })),
  };
}

function addedText({ id, folder, manifest, recognition, picture }: AddedModel, isRunning: boolean, config: string): string {
  return [
    '', `${id} is added: ${folder}`, `What it saw: ${picture}`, ...(recognition?.notes ?? []).map((note) => `Note: ${note}.`),
    isRunning ? `The running node serves it now. ${config} has its line.` : `${config} has its line; no node runs here, so it starts with the next one.`,
    `Say which camera it looks at, in ${config}:`, '  subscriptions:', `    - {camera: "*", model: ${id}, desired_fps: 5${regionsHint(manifest.output_schema)}}`,
  ].join('\n');
}

function regionsHint({ format, classes }: AddedModel['manifest']['output_schema']): string {
  if (format !== 'embedding' && format !== 'movenet') return '';
  // Vectors of faces say nothing of the whole person's box.
  return `, regions: {model: <a detector>, classes: [person]${format === 'embedding' && classes?.[0] === 'person' ? ', appearance: true' : ''}}`;
}
