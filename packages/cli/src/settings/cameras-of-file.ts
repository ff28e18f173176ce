// `ruth.yaml` may change while a node runs (`ruth camera add`): a process that is started again must know what those beside it
// were told meanwhile. Cameras, their scenes, subscriptions and rules follow the file, models what runs; all else stays as the node began.
import { parseSettings, type Settings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { resolveSettings, settingsFileOf, type SettingsSource } from './resolve-settings.ts';
import { settingsText } from './settings-text.ts';

/** Text for a process that starts now. A file that is wrong at the moment counts as unchanged, with a warning. */
export function followingFile(settings: Settings, source: SettingsSource, logger: Logger): () => string {
  const began = settingsText(settings);
  const file = settingsFileOf(source);
  if (file === undefined) return () => began;
  return () => {
    try {
      const { cameras, models, subscriptions, scenes, timeZone, rules } = resolveSettings(source);
      const text = settingsText({ ...settings, cameras, models, subscriptions, scenes, timeZone, rules });
      parseSettings(text, file);
      return text;
    } catch (cause) {
      logger.warn({ err: cause }, `${file} is wrong now; the process starts with what it said before`);
      return began;
    }
  };
}
