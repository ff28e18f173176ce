// Settings of a process, from wherever it is told to read them.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseSettings, RuthError, type Settings } from '@ruth/protocol';

/** Settings from a file, from standard input (`-`), or the defaults where no file is named. Relative paths are from the file's folder. */
export function loadSettings(file: string | undefined): Settings {
  if (file === undefined) return parseSettings('', '(defaults)');
  if (file === '-') return parseSettings(readFileSync(0, 'utf8'), '(standard input)');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RuthError('invalid_config', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const settings = parseSettings(text, file);
  const base = dirname(resolve(file));
  return {
    ...settings, modelsDirectory: resolve(base, settings.modelsDirectory), dataDirectory: resolve(base, settings.dataDirectory),
    models: settings.models.map((model) => ({ ...model, folder: resolve(base, model.folder) })),
    recording: settings.recording && { ...settings.recording, directory: resolve(base, settings.recording.directory) },
  };
}
