// Settings of a process, from wherever it is told to read them.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseSettings, RuthError, type Settings } from '@ruth/protocol';
import { keyFileOf, openSettings } from './sealed.ts';

/**
 * Settings, with sealed credentials opened, from a file, from standard input (`-`), or the defaults where no file is named. Relative paths are from the file's folder.
 * `amend` changes the text of a file before it is read.
 */
export function loadSettings(file: string | undefined, amend: (text: string) => string = (text) => text): Settings {
  if (file === undefined) return parseSettings('', '(defaults)');
  if (file === '-') return parseSettings(readFileSync(0, 'utf8'), '(standard input)');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new RuthError('invalid_config', code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${message}`, { cause });
  }
  const base = dirname(resolve(file));
  const written = parseSettings(amend(text), file);
  const settings = openSettings(written, resolve(base, keyFileOf(written)));
  return {
    ...settings, keyFile: settings.keyFile && resolve(base, settings.keyFile), modelsDirectory: resolve(base, settings.modelsDirectory), dataDirectory: resolve(base, settings.dataDirectory),
    http: { ...settings.http, tls: settings.http.tls && { certificateFile: resolve(base, settings.http.tls.certificateFile), keyFile: resolve(base, settings.http.tls.keyFile) } },
    models: settings.models.map((model) => ({ ...model, folder: resolve(base, model.folder) })),
    recording: settings.recording && { ...settings.recording, directory: resolve(base, settings.recording.directory) },
    site: settings.site && { ...settings.site, ...absolute('credentials_file', settings.site, base), ...absolute('ca_file', settings.site, base), ...absolute('key_file', settings.site, base) },
    oidc: settings.oidc && withSecretFiles(settings.oidc, base), mqtt: settings.mqtt && withSecretFiles(settings.mqtt, base), notifications: withSecretFiles(settings.notifications, base),
    telemetry: settings.telemetry && withSecretFiles(settings.telemetry, base), copies: settings.copies && withSecretFiles(settings.copies, base),
  };
}

/** The path under `key` made absolute, where it is there. */
function absolute<K extends string>(key: K, holder: { readonly [key in K]?: string }, base: string): { [key in K]?: string } {
  const path = holder[key];
  return path === undefined ? {} : { [key]: resolve(base, path) } as { [key in K]: string };
}

/** Paths of files that hold secrets, `{file: path}` anywhere in it, made absolute. */
function withSecretFiles<T>(value: T, base: string): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => withSecretFiles(item, base)) as T;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => [key, key === 'file' && typeof inner === 'string' ? resolve(base, inner) : withSecretFiles(inner, base)]);
  return Object.fromEntries(entries) as T;
}
