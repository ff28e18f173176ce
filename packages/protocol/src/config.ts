// `ruth.yaml`: the one settings file, read alike by every process.
import Type, { type Static } from 'typebox';
import { cameraUrlProblem } from './camera-url.ts';
import { DEFAULT_RING_DIRECTORY, DEFAULT_SOCKET_DIRECTORY, ID_PATTERN } from './ids.ts';
import { InferConfig } from './inference.ts';
import { parseYaml } from './yaml-document.ts';

const strict = { additionalProperties: false } as const;
const id = (description: string) => Type.String({ pattern: ID_PATTERN, description: `${description}; letters, digits, '.', '_' and '-'` });

export const CameraConfig = Type.Object({
  id: id('Name of the camera in paths, messages and events'),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Shown on the page; the id unless told' })),
  url: Type.String({ minLength: 1, maxLength: 2048, description: 'rtsp://user:password@host:554/path; special characters of the password percent-encoded' }),
  transport: Type.Optional(Type.Enum(['tcp', 'udp'], { description: 'How RTP travels; tcp unless told' })),
  stall_timeout_ms: Type.Optional(Type.Integer({ minimum: 500, maximum: 120_000, description: 'Milliseconds of silence after which the camera counts as stalled; 5000 unless told' })),
  frames: Type.Optional(Type.Object({ slots: Type.Optional(Type.Integer({ minimum: 2, maximum: 256, description: 'Frames the ring holds; 8 unless told' })) }, { ...strict, description: 'Decoded frames in shared memory' })),
  note: Type.Optional(Type.String({ maxLength: 500, description: 'Shown on the page beside the camera' })),
}, { ...strict, description: 'A camera' });
export type CameraConfig = Static<typeof CameraConfig>;

export const RegionsConfig = Type.Object({
  model: Type.String({ pattern: ID_PATTERN, description: 'Model whose detections are the regions' }),
  classes: Type.Optional(Type.Array(Type.String(), { description: 'Only detections of these classes; all unless told' })),
  min_confidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Only detections at least this sure' })),
  margin: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Added around each box, as a share of it; 0.15 unless told' })),
  max_regions: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Most regions per frame, largest score first; 8 unless told' })),
}, { ...strict, description: 'Look only where another model saw something, at each place by itself' });
export type RegionsConfig = Static<typeof RegionsConfig>;

export const SubscriptionConfig = Type.Object({
  camera: Type.String({ pattern: `${ID_PATTERN}|^\\*$`, description: 'Camera id, or "*" for all' }),
  model: id('Model id'),
  desired_fps: Type.Number({ exclusiveMinimum: 0, maximum: 240, description: 'Looks per second; never more, and fewer only where frames are dropped and counted' }),
  active: Type.Optional(Type.Boolean({ description: 'false keeps the line without running it; true unless told' })),
  config: Type.Optional(InferConfig),
  regions: Type.Optional(RegionsConfig),
}, { ...strict, description: 'A model looks at a camera' });
export type SubscriptionConfig = Static<typeof SubscriptionConfig>;

export const ModelConfig = Type.Object({
  id: id('Model id'),
  folder: Type.Optional(Type.String({ minLength: 1, description: 'Folder with model.yaml; <models_directory>/<id> unless told' })),
}, { ...strict, description: 'A model' });
export type ModelConfig = Static<typeof ModelConfig>;

export const RuthConfig = Type.Object({
  http: Type.Optional(Type.Object({
    host: Type.Optional(Type.String({ minLength: 1, description: 'Address to listen on; 127.0.0.1 unless told' })),
    port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: '8080 unless told; 0 picks a free one' })),
  }, { ...strict, description: 'Where the page and the API are served' })),
  paths: Type.Optional(Type.Object({
    socket_directory: Type.Optional(Type.String({ pattern: '^/', maxLength: 60, description: 'Unix sockets of the processes; /tmp unless told' })),
    ring_directory: Type.Optional(Type.String({ pattern: '^/', description: 'Shared memory for frames; /dev/shm unless told' })),
    models_directory: Type.Optional(Type.String({ minLength: 1, description: 'Folder of model folders, relative to this file; models unless told' })),
  }, { ...strict, description: 'Where sockets, frames and models are' })),
  log_level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'], { description: 'The least that is logged; info unless told' })),
  cameras: Type.Optional(Type.Array(CameraConfig, { maxItems: 1024, description: 'The cameras of this node' })),
  models: Type.Optional(Type.Array(ModelConfig, { maxItems: 256, description: 'The models to run; the two built-in ones unless told' })),
  subscriptions: Type.Optional(Type.Array(SubscriptionConfig, {
    maxItems: 16_384, description: 'Which model looks at which camera, how often; unless told, the built-in models at all cameras',
  })),
}, strict);
export type RuthConfig = Static<typeof RuthConfig>;

/** A camera's settings with nothing left open. */
export interface CameraSettings {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly slotCount: number;
  readonly note: string | null;
}

/** The settings of a node with nothing left open. */
export interface Settings {
  readonly http: { readonly host: string; readonly port: number };
  readonly socketDirectory: string;
  readonly ringDirectory: string;
  readonly modelsDirectory: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly cameras: readonly CameraSettings[];
  readonly models: readonly { readonly id: string; readonly folder: string }[];
  /** One per camera and model: `*` is resolved. */
  readonly subscriptions: readonly (SubscriptionConfig & { readonly active: boolean })[];
}

/** What runs where `ruth.yaml` names no models: the two that set-up makes. */
export const BUILT_IN_DETECTOR = 'centernet-coco';
export const BUILT_IN_POSE = 'movenet-lightning';
export const DEFAULT_SUBSCRIPTIONS: readonly SubscriptionConfig[] = [
  { camera: '*', model: BUILT_IN_DETECTOR, desired_fps: 5 },
  { camera: '*', model: BUILT_IN_POSE, desired_fps: 5, regions: { model: BUILT_IN_DETECTOR, classes: ['person'] } },
];

/** Parses `ruth.yaml`. Throws `invalid_config` naming file, line, key and what would be right. */
export function parseSettings(text: string, file: string): Settings {
  const document = parseYaml(RuthConfig, text, file, 'invalid_config');
  const config = document.value;
  const cameras = (config.cameras ?? []).map((camera, index): CameraSettings => {
    const problem = cameraUrlProblem(camera.url);
    if (problem) throw document.errorAt(['cameras', index, 'url'], problem);
    if (config.cameras!.findIndex((other) => other.id === camera.id) !== index) {
      throw document.errorAt(['cameras', index, 'id'], `${camera.id} is taken by a camera above; choose another id`);
    }
    return {
      id: camera.id, name: camera.name ?? camera.id, url: camera.url, transport: camera.transport ?? 'tcp',
      stallTimeoutMs: camera.stall_timeout_ms ?? 5000, slotCount: camera.frames?.slots ?? 8, note: camera.note ?? null,
    };
  });
  const modelsDirectory = config.paths?.models_directory ?? 'models';
  const named = config.models ?? [{ id: BUILT_IN_DETECTOR }, { id: BUILT_IN_POSE }];
  const models = named.map((model, index) => {
    if (named.findIndex((other) => other.id === model.id) !== index) throw document.errorAt(['models', index, 'id'], `${model.id} stands above already`);
    return { id: model.id, folder: model.folder ?? `${modelsDirectory}/${model.id}` };
  });
  const declared = config.subscriptions ?? DEFAULT_SUBSCRIPTIONS.filter((subscription) => models.some((model) => model.id === subscription.model));
  const subscriptions = new Map<string, SubscriptionConfig & { active: boolean }>();
  for (const [index, subscription] of declared.entries()) {
    const path = ['subscriptions', index];
    const ids = subscription.camera === '*' ? cameras.map((camera) => camera.id) : [subscription.camera];
    if (subscription.camera !== '*' && !cameras.some((camera) => camera.id === subscription.camera)) {
      throw document.errorAt([...path, 'camera'], `${subscription.camera} is no camera of this file; known: ${cameras.map((camera) => camera.id).join(', ') || 'none'}`);
    }
    for (const [key, model] of [['model', subscription.model], ['regions', subscription.regions?.model]] as const) {
      if (model === undefined || models.some((known) => known.id === model)) continue;
      throw document.errorAt([...path, key], `${model} is no model of this file; known: ${models.map((known) => known.id).join(', ') || 'none'}`);
    }
    // A line for one camera stands above a line for all.
    for (const camera of ids) {
      const key = `${camera} ${subscription.model}`;
      if (subscription.camera === '*' && subscriptions.has(key)) continue;
      subscriptions.set(key, { ...subscription, camera, active: subscription.active ?? true });
    }
  }
  return {
    http: { host: config.http?.host ?? '127.0.0.1', port: config.http?.port ?? 8080 },
    socketDirectory: config.paths?.socket_directory ?? DEFAULT_SOCKET_DIRECTORY,
    ringDirectory: config.paths?.ring_directory ?? DEFAULT_RING_DIRECTORY,
    modelsDirectory, logLevel: config.log_level ?? 'info', cameras, models, subscriptions: [...subscriptions.values()],
  };
}
