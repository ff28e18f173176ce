// A model folder, read and checked: manifest, class names, weights that are there, are those meant, and are ONNX (or a module).
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { RuthError } from '@ruth/protocol/base';
import { readManifest } from '@ruth/protocol/compiled';
import type { Manifest } from '@ruth/protocol';
import { checkOnnxFile } from '../onnx/onnx-file.ts';

/** Plain data: it goes to the session workers as it is. */
export interface LoadedModel {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of the ONNX file, or of a custom model's module; where a server elsewhere runs the model that of the fallback, empty without one. */
  readonly weightsPath: string;
  /** Names in the order of class ids; empty where the manifest names none. */
  readonly classes: readonly string[];
  readonly keypointNames: readonly string[];
  /** Pairs of indices into `keypointNames`. */
  readonly skeleton: readonly (readonly [number, number])[];
}

/**
 * Reads `<folder>/model.yaml` and checks everything it names. `weightsPath` replaces the manifest's weights (for
 * measuring weights that cannot stand in the folder). Throws `invalid_manifest`, `model_invalid`, `weights_mismatch`.
 */
export async function loadModel(folder: string, options: { weightsPath?: string } = {}): Promise<LoadedModel> {
  const manifestPath = join(folder, 'model.yaml');
  const manifest = await readManifest(await readText(manifestPath, 'invalid_manifest', 'a model folder holds model.yaml'), manifestPath);
  const weightsPath = manifest.model_type === 'remote' ? await fallbackWeights(folder, manifest) : await checkedWeights(folder, manifest, options.weightsPath);
  const { output_schema: output } = manifest;
  const keypointNames = output.keypoint_names ?? [];
  return {
    folder, manifest, weightsPath, keypointNames,
    classes: output.classes ?? (output.class_names_file === undefined ? [] : await readNames(folder, output.class_names_file)),
    skeleton: (output.skeleton ?? []).map(([from, to]) => [keypointNames.indexOf(from), keypointNames.indexOf(to)] as const),
  };
}

async function checkedWeights(folder: string, { model_type, model_weights, sha256, source }: Manifest, replaced: string | undefined): Promise<string> {
  const path = replaced ?? await insideFolder(folder, model_weights!, 'model_weights', source !== undefined);
  if (model_type === 'onnx') checkOnnxFile(path);
  if (sha256) await checkSha256(path, sha256);
  return path;
}

async function fallbackWeights(folder: string, { remote }: Manifest): Promise<string> {
  if (remote?.fallback === undefined) return '';
  const path = await insideFolder(folder, remote.fallback, 'remote.fallback');
  checkOnnxFile(path);
  return path;
}

/** The manifest's schema refuses `..`; a symlink could still lead out of the folder. */
async function insideFolder(folder: string, path: string, key: string, isFetched = false): Promise<string> {
  const file = join(folder, path);
  const [root, target] = await Promise.all([realpath(folder), realpath(file)]).catch((cause: unknown) => {
    throw new RuthError('model_invalid', `${file} is missing: ${isFetched ? '"npm run setup" makes it for the models that come with Ruth; else ' : ''}put it there, or correct ${key} in ${join(folder, 'model.yaml')}`, { cause });
  });
  if (relative(root, target).split(sep)[0] === '..') throw new RuthError('model_invalid', `${file} leads out of the model folder, to ${target}`);
  return file;
}

async function readNames(folder: string, path: string): Promise<string[]> {
  const text = await readText(await insideFolder(folder, path, 'output_schema.class_names_file'), 'model_invalid', 'class_names_file names it');
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

async function readText(path: string, code: 'invalid_manifest' | 'model_invalid', why: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new RuthError(code, `${path} cannot be read (${(cause as NodeJS.ErrnoException).code}): ${why}`, { cause });
  });
}

async function checkSha256(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== expected) throw new RuthError('weights_mismatch', `${path} has sha256 ${found}; model.yaml names ${expected}`);
}
