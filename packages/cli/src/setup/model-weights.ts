// Puts the weights of a model where its manifest says, made from the npm package that its manifest names.
// A file that stands there in the end has the sha256 of the manifest; it appears whole or not at all.
import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { parseManifest, RuthError, type Manifest } from '@ruth/protocol';
import { convertTfjsModel, type TfjsModelJson } from '../model-conversion/index.ts';

export interface PreparedModel {
  readonly modelId: string;
  /** `present`: the right weights stood there already. `made`: they were made now. `own`: the manifest names no source, the weights are the user's. */
  readonly outcome: 'present' | 'made' | 'own';
  readonly path: string;
}

type PackageSource = Extract<NonNullable<Manifest['source']>, { package: string }>;

/**
 * Prepares the model in `folder` (which holds `model.yaml`). Throws `invalid_manifest`, `model_invalid` where the source
 * cannot be read or converted, and `weights_mismatch` where what came out is not what the manifest names.
 */
export async function prepareModel(folder: string): Promise<PreparedModel> {
  const file = join(folder, 'model.yaml');
  const manifest = parseManifest(await readFile(file, 'utf8'), file);
  const { model_id: modelId, source, sha256 } = manifest;
  // A server elsewhere has its own.
  const path = join(folder, manifest.model_weights ?? '');
  if (!source) return { modelId, outcome: 'own', path };
  const present = await readFile(path).catch(() => null);
  if (present && digest(present) === sha256) return { modelId, outcome: 'present', path };
  if ('url' in source) {
    throw new RuthError('model_invalid', `${modelId}: the weights are not at ${path}; fetch them with: curl -fLo '${path}' '${source.url}'`);
  }
  const weights = await weightsOf(manifest, source);
  if (digest(weights) !== sha256) {
    throw new RuthError('weights_mismatch', `${modelId}: ${source.file} of ${source.package} gives weights with sha256 ${digest(weights)}, ${file} names ${sha256}`);
  }
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(part, weights);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return { modelId, outcome: 'made', path };
}

async function weightsOf(manifest: Manifest, source: PackageSource): Promise<Uint8Array> {
  const bytes = await readSource(source, source.file);
  if (source.converter === undefined) return bytes;
  let model: TfjsModelJson;
  try {
    model = JSON.parse(bytes.toString('utf8')) as TfjsModelJson;
  } catch (cause) {
    throw new RuthError('model_invalid', `${source.file} of ${source.package} is no JSON: ${(cause as Error).message}`, { cause });
  }
  const parts = (model.weightsManifest ?? []).flatMap((group) => group.paths).map((path) => readSource(source, join(dirname(source.file), path)));
  const { output } = manifest.output_schema;
  return convertTfjsModel(model, Buffer.concat(await Promise.all(parts)), { label: manifest.model_id, ...(output === undefined ? {} : { output }) });
}

async function readSource(source: PackageSource, file: string): Promise<Buffer> {
  try {
    const root = packageFolder(source.package);
    const path = join(root, file);
    if (!path.startsWith(root + sep)) throw new Error('it lies outside the package');
    return await readFile(path);
  } catch (cause) {
    throw new RuthError('model_invalid', `${file} of the npm package ${source.package} cannot be read (${(cause as Error).message}); install it with: npm ci`, { cause });
  }
}

// A package's `exports` may hide its package.json, so the folder is looked for where Node would look.
function packageFolder(name: string): string {
  const require = createRequire(import.meta.url);
  const searched = require.resolve.paths(name) ?? [];
  for (const folder of searched) {
    try {
      return dirname(require.resolve(join(folder, name, 'package.json')));
    } catch {
      continue;
    }
  }
  throw new Error(`not found in ${searched[0] ?? 'node_modules'} or above`);
}

function digest(bytes: Uint8Array): string { return createHash('sha256').update(bytes).digest('hex'); }
