// What the command line is made of, for its tests.
export { CHAPTERS, runConformance, type ConformanceOptions } from './conformance/conformance.ts';
export { conformanceReport } from './conformance/report.ts';
export { type Result } from './conformance/check.ts';
export { convertTfjsModel, type ConversionOptions, type TfjsModelJson } from './model-conversion/index.ts';
export { followingFile } from './settings/cameras-of-file.ts';
export { SettingsFile } from './settings/settings-file.ts';
export { resolveSettings, type SettingsSource } from './settings/resolve-settings.ts';
export { cameraConfig, settingsText } from './settings/settings-text.ts';
export { prepareModel, type PreparedModel } from './setup/model-weights.ts';
export { PROCESS_FLAGS } from './supervisor/process-life.ts';
export * from './supervisor/supervised-process.ts';
export * from './supervisor/supervisor.ts';
