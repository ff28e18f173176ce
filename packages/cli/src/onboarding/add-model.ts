// From what a person named to a folder that is known to work: fetch, recognise, write the manifest, load it as it will be loaded, look
// at what it sees, measure. Everything happens in a folder beside the models; only what passed is moved among them, in one step.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertId, parseManifest, RecognitionReport, RuthError, validator, type Manifest } from '@ruth/protocol';
import { stringify } from 'yaml';
import { entryOf } from '../supervisor/definitions.ts';
import { contactSheet, encodeSheet, type SeenPicture } from './contact-sheet.ts';
import { askGuarded, type ChildLimits } from './guarded-child.ts';
import { fetchSource, idOf, megabytes, readNames, type ModelSource, type SourceOptions } from './model-source.ts';
import type { SamplePicture } from './sample-pictures.ts';
import { measureSpeed, PictureRings, startTrial, type Speed } from './trial-container.ts';

export interface Step { readonly say: (text: string) => void; readonly done: (text: string) => void }

export interface AddOptions {
  readonly modelsDirectory: string;
  readonly pictures: readonly SamplePicture[];
  readonly id?: string | undefined;
  readonly format?: string | undefined;
  /** File of class names. */
  readonly names?: string | undefined;
  readonly source: SourceOptions;
  readonly limits: ChildLimits;
  /** How long speed is measured. */
  readonly measureMs: number;
  /** A model of that id may be there: what is made is a version of it, in this folder's name. */
  readonly versionFolder?: (id: string) => string;
  /** `done` ends the step with what came of it. */
  readonly step: (title: string) => Step;
}

export interface AddedModel {
  readonly id: string;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly recognition: RecognitionReport | null;
  readonly speed: Speed;
  readonly device: string;
  readonly sessions: number;
  readonly peakBytes: number;
  readonly seen: readonly SeenPicture[];
  readonly picture: string;
}

export const PREVIEW = 'preview.jpg';
const report = validator(RecognitionReport);

/** Throws what was wrong, and leaves nothing behind then. */
export async function addModel(given: string, options: AddOptions): Promise<AddedModel> {
  const { modelsDirectory, step } = options;
  mkdirSync(modelsDirectory, { recursive: true });
  const staging = mkdtempSync(join(modelsDirectory, '.adding-'));
  try {
    const fetching = step('fetch');
    const source = await fetchSource(given, staging, { ...options.source, report: fetching.say });
    // Whole where somebody has to compare it.
    const isToCompare = source.recipe !== null && source.recipe.sha256 === undefined;
    fetching.done(`${source.fileName}, sha256 ${isToCompare ? source.sha256 : `${source.sha256.slice(0, 16)}...`}`);
    const id = assertId(options.id ?? source.recipe?.model_id ?? source.manifest?.model_id ?? idOf(source.fileName), 'model');
    const target = options.versionFolder?.(id) ?? join(modelsDirectory, id);
    if (existsSync(target)) throw new RuthError('invalid_state', `${target} is there already; choose another --id, or swap it: ruth model swap ${id} ${given}`);
    using rings = new PictureRings(options.pictures);
    const recognition = source.manifest ? null : await recognise(source, rings, options);
    const folder = join(staging, 'model');
    const manifest = writeFolder(folder, id, source, recognition);
    const trial = await tryFolder(folder, options, rings, manifest);
    // From here on nothing can fail but the move itself.
    renameSync(folder, target);
    return { id, folder: target, manifest, recognition, ...trial, picture: join(target, PREVIEW) };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function recognise(source: ModelSource, rings: PictureRings, { limits, format, names, step }: AddOptions): Promise<RecognitionReport> {
  const looking = step('recognise');
  const given = names === undefined ? source.names : readNames(names);
  const task = {
    weights: source.weights, ring_directory: rings.directory, pictures: rings.rings.map(({ path }) => path), file_name: source.fileName, limit_ms: Math.max(1000, Math.round(limits.timeMs * 0.8)),
    ...(format ?? source.recipe?.format ? { format: format ?? source.recipe!.format } : {}), ...(given ? { names: given } : {}),
  };
  const found = report.parse(await askGuarded(entryOf('@ruth/container', 'recognition/recognition-main.ts'), task, limits, looking.say).catch((cause: unknown) => { throw byItsName(cause, source); }), 'internal');
  if (!found.certain) throw new RuthError('model_invalid', undecided(found));
  looking.done(`${found.family}: ${found.because}`);
  return found;
}

/** A person knows the file, not where it lies meanwhile. */
function byItsName(cause: unknown, { weights, fileName }: ModelSource): RuthError {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  return new RuthError(code, message.replaceAll(weights, fileName), { cause });
}

/** What was seen, what was tried, and a manifest to be put right by a person. */
function undecided(found: RecognitionReport): string {
  return [
    `it may be ${found.family} (${found.because}), but ${found.notes.at(-1) ?? 'its pixels could be meant in several ways'}.`,
    `inputs: ${found.saw.inputs.join('; ')}`, `outputs: ${found.saw.outputs.join('; ')}`,
    ...found.tried.slice(0, 6).map(({ way, gave }) => `tried ${way}: ${gave}`),
    'Or write this as model.yaml beside the weights, put input_format.channels, normalization and letterbox right, and add the folder:', '',
    stringify({ model_id: 'my-model', model_name: 'My model', model_version: '1', model_type: 'onnx', model_weights: 'my-model.onnx', ...found.manifest }, { lineWidth: 120 }),
  ].join('\n');
}

function writeFolder(folder: string, id: string, source: ModelSource, recognition: RecognitionReport | null): Manifest {
  mkdirSync(folder);
  const { recipe, sha256, origin } = source;
  const common = { model_type: 'onnx', model_weights: `${id}.onnx`, ...(origin ? { source: origin } : {}), sha256 };
  const license = source.license ?? recognition?.license;
  const value = source.manifest ? { ...source.manifest, model_id: id, ...common } : {
    model_id: id, model_name: recipe?.model_name ?? recognition!.description?.slice(0, 200) ?? id, model_version: recognition!.version ?? '1', ...recognition!.manifest, ...common,
    ...described(recipe?.description ?? recognition!.description, recipe?.author ?? recognition!.author, license),
  };
  if (recipe?.keypoint_names) (value as Manifest).output_schema.keypoint_names = recipe.keypoint_names;
  if (source.manifest?.output_schema.class_names_file !== undefined && source.names) writeFileSync(join(folder, source.manifest.output_schema.class_names_file), `${source.names.join('\n')}\n`);
  const head = recognition ? `# Written by "ruth model add": ${recognition.family}, for ${recognition.because}.\n${recognition.notes.map((note) => `# Note: ${note}.\n`).join('')}` : '';
  const text = `${head}${stringify(value, { lineWidth: 120, flowCollectionPadding: true })}`;
  const manifest = parseManifest(text, join(folder, 'model.yaml'));
  writeFileSync(join(folder, 'model.yaml'), text);
  copyFileSync(source.weights, join(folder, `${id}.onnx`));
  return manifest;
}

function described(description: string | undefined, author: string | undefined, license: string | null | undefined): Record<string, string> {
  return { ...(description ? { description } : {}), ...(author ? { author } : {}), ...(license ? { license } : {}) };
}

/** Serves the folder as a node would, beside whatever runs; leaves the picture in it. */
export async function tryFolder(folder: string, { limits, measureMs, pictures, step }: Pick<AddOptions, 'limits' | 'measureMs' | 'pictures' | 'step'>, rings: PictureRings, manifest: Manifest): Promise<Omit<AddedModel, 'id' | 'folder' | 'manifest' | 'recognition' | 'picture'>> {
  const loading = step('load');
  await using container = await startTrial(folder, rings.directory, limits);
  loading.done(`on ${container.device}, ${container.sessions} ${container.sessions === 1 ? 'session' : 'sessions'}`);
  const looking = step('look');
  const seen: SeenPicture[] = [];
  for (const [index, picture] of pictures.entries()) {
    looking.say(`${index + 1} of ${pictures.length} pictures`);
    seen.push({ ...picture, detections: (await container.look(rings.rings[index]!.path, 0)).detections });
  }
  looking.done(foundText(seen));
  const measuring = step('measure');
  const speed = await measureSpeed(container, rings.rings, measureMs);
  const { peakBytes, device, sessions } = container;
  measuring.done(speedText(speed));
  const names = manifest.output_schema.keypoint_names ?? [];
  const sheet = contactSheet(seen, {
    title: `${manifest.model_name} (${manifest.model_id})`, subtitle: `${speedText(speed)}. ${megabytes(peakBytes)} of memory.${manifest.license === undefined ? '' : ` Licence: ${manifest.license}`}`,
    skeleton: (manifest.output_schema.skeleton ?? []).map(([from, to]) => [names.indexOf(from), names.indexOf(to)] as const),
  });
  writeFileSync(join(folder, PREVIEW), await encodeSheet(sheet, PREVIEW));
  return { speed, device, sessions, peakBytes, seen };
}

export function foundText(seen: readonly SeenPicture[]): string {
  const counts = new Map<string, number>();
  for (const { detections } of seen) for (const { class_name, embedding } of detections) counts.set(embedding ? 'vector' : class_name, (counts.get(embedding ? 'vector' : class_name) ?? 0) + 1);
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 6).map(([name, count]) => `${count} x ${name}`).join(', ');
  return `${seen.length} pictures: ${most || 'nothing seen'}`;
}

export function speedText({ msPerFrame, framesPerSecond, cameras }: Speed): string {
  return `${msPerFrame.toFixed(1)} ms a frame, ${framesPerSecond.toFixed(1)} frames a second: ${cameras === 0 ? 'not one camera' : cameras === 1 ? 'one camera' : `${cameras} cameras`} at 5 fps on this machine`;
}
