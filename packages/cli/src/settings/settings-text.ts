// Settings as a `ruth.yaml` text again (JSON, which YAML contains): what a supervisor hands to a process.
import type { RuthConfig, Settings } from '@ruth/protocol';

/** `parseSettings(settingsText(s), ...)` gives `s` back. */
export function settingsText(settings: Settings): string {
  const config: RuthConfig = {
    http: settings.http,
    paths: { socket_directory: settings.socketDirectory, ring_directory: settings.ringDirectory, models_directory: settings.modelsDirectory },
    log_level: settings.logLevel,
    cameras: settings.cameras.map((camera) => ({
      id: camera.id, name: camera.name, url: camera.url, transport: camera.transport, stall_timeout_ms: camera.stallTimeoutMs,
      frames: { slots: camera.slotCount }, ...(camera.note === null ? {} : { note: camera.note }),
    })),
    models: settings.models.map((model) => ({ id: model.id, folder: model.folder })),
    subscriptions: [...settings.subscriptions],
  };
  return JSON.stringify(config);
}
