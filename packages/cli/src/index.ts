// What the command line is made of, for its tests.
export { resolveSettings, type SettingsSource } from './settings/resolve-settings.ts';
export { settingsText } from './settings/settings-text.ts';
export * from './supervisor/supervised-process.ts';
export * from './supervisor/supervisor.ts';
