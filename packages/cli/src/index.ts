// What the command line is made of, for its tests.
export { convertTfjsModel, type ConversionOptions, type TfjsModelJson } from './model-conversion/index.ts';
export { resolveSettings, type SettingsSource } from './settings/resolve-settings.ts';
export { settingsText } from './settings/settings-text.ts';
export { prepareModel, type PreparedModel } from './setup/model-weights.ts';
export * from './supervisor/supervised-process.ts';
export * from './supervisor/supervisor.ts';
