// Where a node's settings come from: `ruth.yaml`, cameras named on the command line, and RUTH_HTTP_PORT above both.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CameraIntent, type CameraSettings, parseSettings, redactUrls, type RuthConfig, RuthError, type Settings } from '@ruth/protocol';
import { loadSettings } from '@ruth/transport';
import { settingsText } from './settings-text.ts';
import { type ModelSwitch, withModelsSwitched } from './switched-models.ts';

/** The models that come with Ruth. */
export const BUILT_IN_MODELS_DIRECTORY = fileURLToPath(new URL('../../../../models', import.meta.url));

export interface SettingsSource {
  /** Path of `ruth.yaml`. */
  readonly file?: string | undefined;
  /** Camera URLs from the command line; they are `camera-1`, `camera-2`, ... */
  readonly cameraUrls?: readonly string[] | undefined;
  /** A camera that a command brings along, such as the demo's. */
  readonly extraCamera?: CameraSettings | undefined;
  /** What that camera begins with, in place of the default subscriptions: it counts until the file says something of that camera. */
  readonly extraIntent?: CameraIntent | null | undefined;
  /** RUTH_HTTP_PORT. */
  readonly httpPort?: string | undefined;
  /** Where a node without a file remembers things. */
  readonly stateDirectory?: string | undefined;
  /** Which models of the node that runs shall run: newer than what the file says of them, which cannot always be written. */
  readonly models?: (() => readonly ModelSwitch[]) | undefined;
}

/** The file that holds what is changed while the node runs: the one it was started with, else one of Ruth's own; undefined where neither can be. */
export function settingsFileOf({ file, stateDirectory }: SettingsSource): string | undefined {
  return file ?? (stateDirectory === undefined ? undefined : join(stateDirectory, 'ruth.yaml'));
}

/** Cameras that the command brings along, which no file need name. Throws `invalid_config`. */
export function extraCameras({ cameraUrls = [], extraCamera }: SettingsSource): CameraSettings[] {
  return [...cameraUrls.map((url, index) => cameraFromUrl(url, index + 1)), ...(extraCamera ? [extraCamera] : [])];
}

/** Throws `invalid_config` with what is wrong, where, and what would be right. */
export function resolveSettings(source: SettingsSource): Settings {
  const base = baseOf(source);
  const extra = extraCameras(source);
  const isExtra = ({ id }: CameraSettings): boolean => extra.some((camera) => camera.id === id);
  const settings: Settings = {
    ...base,
    ...(source.file === undefined ? { ...builtInModels(base), dataDirectory: resolve(source.stateDirectory ?? base.dataDirectory) } : {}),
    // Where the file names one of them too, because something about it was changed, it is where the command says.
    cameras: [...base.cameras.filter((camera) => !isExtra(camera)), ...extra],
    http: { ...base.http, port: source.httpPort === undefined ? base.http.port : portFrom(source.httpPort) },
  };
  if (extra.length === 0) return settings;
  const begun = intentOf(source, settings, base);
  const isNew = (id: string): boolean => extra.some((camera) => camera.id === id) && !base.cameras.some((camera) => camera.id === id);
  // Cameras beside the file get the default subscriptions; those that the file declares stay as they are.
  const { subscriptions: _, ...config } = JSON.parse(settingsText({ ...begun, subscriptions: [] })) as RuthConfig;
  const defaults = parseSettings(JSON.stringify(config), source.file ?? '(command line)').subscriptions
    .filter(({ camera }) => isNew(camera) && !begun.subscriptions.some((subscription) => subscription.camera === camera));
  return { ...begun, subscriptions: [...begun.subscriptions, ...defaults] };
}

/** With what the extra camera begins with, as far as its models are there; as it was where the file says something of that camera. */
function intentOf({ extraCamera, extraIntent }: SettingsSource, settings: Settings, base: Settings): Settings {
  if (!extraCamera || !extraIntent || base.cameras.some(({ id }) => id === extraCamera.id)) return settings;
  const { id } = extraCamera;
  const isThere = (model: string | undefined): boolean => model === undefined || settings.models.some((known) => known.id === model);
  const looking = extraIntent.subscriptions.filter(({ model, regions }) => isThere(model) && isThere(regions?.model));
  return {
    ...settings, scenes: { ...settings.scenes, [id]: extraIntent.scene ?? {} },
    rules: [...settings.rules, ...(extraIntent.rules ?? []).map((rule) => ({ ...rule, camera: id }))],
    subscriptions: [...settings.subscriptions, ...looking.map((subscription) => ({ ...subscription, camera: id, active: subscription.active ?? true }))],
  };
}

/** What the file says, or the defaults, with the models switched as they are. */
function baseOf({ models, ...source }: SettingsSource): Settings {
  const kept = settingsFileOf(source);
  const read = (amend?: (text: string) => string): Settings => (source.file !== undefined || (kept !== undefined && existsSync(kept)) ? loadSettings(kept, amend) : parseSettings(amend?.('') ?? '', '(defaults)'));
  const base = read();
  const switched = models?.().filter(({ id, isOn }) => isOn !== base.models.some((model) => model.id === id)) ?? [];
  return switched.length === 0 ? base : read((text) => withModelsSwitched(text, switched));
}

/** Models whose folder the file does not name lie among the built-in ones. */
function builtInModels(base: Settings): Pick<Settings, 'modelsDirectory' | 'models'> {
  const isNamed = ({ id, folder }: Settings['models'][number]): boolean => folder !== `${base.modelsDirectory}/${id}`;
  return { modelsDirectory: BUILT_IN_MODELS_DIRECTORY, models: base.models.map((model) => (isNamed(model) ? model : { ...model, folder: `${BUILT_IN_MODELS_DIRECTORY}/${model.id}` })) };
}

function cameraFromUrl(url: string, number: number): CameraSettings {
  const id = `camera-${number}`;
  try {
    const [camera] = parseSettings(JSON.stringify({ cameras: [{ id, url }] }), '--camera').cameras;
    return { ...camera!, name: `Camera ${number}` };
  } catch (cause) {
    throw new RuthError('invalid_config', redactUrls(`--camera ${url}: ${(cause as Error).message}`));
  }
}

function portFrom(text: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RuthError('invalid_config', `RUTH_HTTP_PORT is ${JSON.stringify(text)}; give a port from 0 to 65535 (0 picks a free one)`);
  }
  return port;
}
