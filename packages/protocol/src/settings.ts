// Settings of a node, out of `ruth.yaml` and back: every default is filled in here, and what the schema cannot say is checked.
import { cameraUrlProblem } from './camera-url.ts';
import { RuthConfig, type CameraConfig } from './config.ts';
import type { CopiesConfig } from './copies-config.ts';
import { DEFAULT_RING_DIRECTORY, DEFAULT_SOCKET_DIRECTORY } from './ids.ts';
import type { CameraAddresses, MqttConfig, NotificationsConfig, OidcConfig } from './outward-config.ts';
import type { RuleConfig } from './rules.ts';
import { rulesOf, scenesOf, timeZoneOf } from './scene-settings.ts';
import type { SceneConfig } from './scene.ts';
import type { SiteConfig } from './site-config.ts';
import { subscriptionProblem, type SubscriptionConfig } from './subscriptions.ts';
import type { TelemetryConfig } from './telemetry-config.ts';
import { parseYaml, type YamlDocument } from './yaml-document.ts';

const BYTES_PER_GB = 1e9;
const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|::1|\[::1\])$/;

/** Whether this machine alone reaches it: a name or an address, also as a URL has it. */
export function isLoopback(host: string): boolean { return LOOPBACK.test(host); }

/** A camera's settings with nothing left open. */
export interface CameraSettings {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly transport: 'tcp' | 'udp';
  readonly stallTimeoutMs: number;
  readonly slotCount: number;
  readonly note: string | null;
  /** The stream that is decoded, where it is another than the one that is recorded and shown. */
  readonly detectUrl: string | null;
  readonly audio: boolean;
  readonly recording: Retention & { readonly active: boolean };
  /** Where the camera can be turned; null where it cannot. */
  readonly onvif: OnvifSettings | null;
}

export interface OnvifSettings {
  /** Without credentials. */
  readonly url: string;
  readonly user: string | null;
  readonly password: string | null;
}

export interface Retention {
  /** Null: no limit. */
  readonly maxAgeDays: number | null;
  /** Null: no limit. */
  readonly maxBytes: number | null;
}

export interface RecordingSettings extends Retention {
  readonly directory: string;
  readonly segmentS: number;
  readonly minFreeBytes: number;
}

export interface LiveSettings {
  /** Of cameras between nodes; null where this node is by itself. `fromViewers` 0: never. `ports` null: any free ones. */
  readonly pipes: { readonly fromViewers: number; readonly ports: { readonly first: number; readonly last: number } | null } | null;
  /** Null: live video goes over the page's own connection alone. */
  readonly webrtc: { readonly host: string; readonly port: number; readonly announcedAddress: string | null; readonly workers: number | null } | null;
  /** Null: cameras are not served to other programs. */
  readonly rtsp: { readonly host: string; readonly port: number; readonly credentials: { readonly user: string; readonly password: string } | null } | null;
}

/** Two files in PEM. */
export interface TlsSettings { readonly certificateFile: string; readonly keyFile: string }

/** The settings of a node with nothing left open. */
export interface Settings {
  readonly http: { readonly host: string; readonly port: number; /** Null: HTTP without encryption. */ readonly tls: TlsSettings | null; /** Addresses and networks. */ readonly trustedProxies: readonly string[] };
  readonly socketDirectory: string;
  readonly ringDirectory: string;
  readonly modelsDirectory: string;
  /** Of what Ruth itself must remember; perhaps not there yet. */
  readonly dataDirectory: string;
  /** Null: `ruth.key` of the data directory. */
  readonly keyFile: string | null;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Null: nothing is recorded. */
  readonly recording: RecordingSettings | null;
  /** Null: as long as recordings. */
  readonly events: { readonly maxAgeDays: number | null; readonly outliveRecordings: boolean };
  readonly live: LiveSettings;
  readonly decoding: { readonly hardware: 'auto' | 'none' | 'vaapi' | 'cuda' };
  readonly cameras: readonly CameraSettings[];
  readonly models: readonly { readonly id: string; readonly folder: string }[];
  /** One per camera and model: `*` is resolved. */
  readonly subscriptions: readonly (SubscriptionConfig & { readonly active: boolean })[];
  /** By camera id; a camera without one is not in it. */
  readonly scenes: Readonly<Record<string, SceneConfig>>;
  /** Null: that of the machine. */
  readonly timeZone: string | null;
  /** One per camera and rule: `*` is resolved. */
  readonly rules: readonly RuleConfig[];
  /** Null: no broker is told anything. */
  readonly mqtt: MqttConfig | null;
  readonly notifications: NotificationsConfig;
  readonly cameraAddresses: CameraAddresses;
  /** Null: people sign in with a password of Ruth's own alone. */
  readonly oidc: OidcConfig | null;
  /** Null: this node is by itself. */
  readonly site: SiteConfig | null;
  /** Null: nobody is sent traces. */
  readonly telemetry: TelemetryConfig | null;
  /** Null: what is kept lies here alone. */
  readonly copies: CopiesConfig | null;
}

/** Beside `ruth.yaml`. */
export const DEFAULT_DATA_DIRECTORY = 'ruth-data';
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
  const cameras = camerasOf(document);
  const modelsDirectory = config.paths?.models_directory ?? 'models';
  const models = modelsOf(document, modelsDirectory);
  const host = config.http?.host ?? '127.0.0.1';
  return {
    http: { host, port: config.http?.port ?? 8080, tls: config.http?.tls ? { certificateFile: config.http.tls.certificate, keyFile: config.http.tls.key } : null, trustedProxies: config.http?.trusted_proxies ?? [] },
    socketDirectory: config.paths?.socket_directory ?? DEFAULT_SOCKET_DIRECTORY,
    ringDirectory: config.paths?.ring_directory ?? DEFAULT_RING_DIRECTORY,
    modelsDirectory, dataDirectory: config.paths?.data_directory ?? DEFAULT_DATA_DIRECTORY, keyFile: config.paths?.key_file ?? null, logLevel: config.log_level ?? 'info',
    recording: config.recording === undefined ? null : {
      directory: config.recording.directory, segmentS: config.recording.segment_s ?? 10, ...retentionOf(config.recording),
      minFreeBytes: (config.recording.min_free_gb ?? 2) * BYTES_PER_GB,
    },
    events: { maxAgeDays: config.events?.max_age_days ?? null, outliveRecordings: config.events?.outlive_recordings ?? false },
    live: liveOf(document, host), decoding: { hardware: config.decoding?.hardware ?? 'none' },
    cameras, models, subscriptions: subscriptionsOf(document, cameras, models),
    scenes: scenesOf(document), timeZone: timeZoneOf(document), rules: rulesOf(document),
    oidc: config.oidc ?? null, site: config.site ?? null, mqtt: config.mqtt ?? null, notifications: notificationsOf(document), cameraAddresses: config.camera_addresses ?? {}, telemetry: config.telemetry ?? null, copies: copiesOf(document),
  };
}

/** A camera's settings with every default filled in. Its URLs are checked with `cameraUrlProblem` by the caller. */
export function cameraSettings(camera: CameraConfig): CameraSettings {
  return {
    id: camera.id, name: camera.name ?? camera.id, url: camera.url, transport: camera.transport ?? 'tcp',
    stallTimeoutMs: camera.stall_timeout_ms ?? 5000, slotCount: camera.frames?.slots ?? 8, note: camera.note ?? null,
    detectUrl: camera.detect_url ?? null, audio: camera.audio ?? true,
    recording: { active: camera.recording?.active ?? true, ...retentionOf(camera.recording ?? {}) },
    onvif: camera.onvif === undefined ? null : { url: camera.onvif.url, user: camera.onvif.user ?? null, password: camera.onvif.password ?? null },
  };
}

const retentionOf = (config: { max_age_days?: number; max_size_gb?: number }): Retention => ({
  maxAgeDays: config.max_age_days ?? null, maxBytes: config.max_size_gb === undefined ? null : config.max_size_gb * BYTES_PER_GB,
});

function camerasOf(document: YamlDocument<RuthConfig>): CameraSettings[] {
  const cameras = document.value.cameras ?? [];
  for (const [index, camera] of cameras.entries()) {
    for (const key of ['url', 'detect_url'] as const) {
      const problem = camera[key] === undefined ? null : cameraUrlProblem(camera[key]);
      if (problem) throw document.errorAt(['cameras', index, key], problem);
    }
    if (cameras.findIndex((other) => other.id === camera.id) !== index) {
      throw document.errorAt(['cameras', index, 'id'], `${camera.id} is taken by a camera above; choose another id`);
    }
  }
  return cameras.map(cameraSettings);
}

function pipesOf(document: YamlDocument<RuthConfig>): LiveSettings['pipes'] {
  const { site } = document.value;
  if (site === undefined) return null;
  const { from_viewers: fromViewers = 3, first_port: first, last_port: last } = site.pipes ?? {};
  if (first === undefined && last === undefined) return { fromViewers, ports: null };
  if (first === undefined || last === undefined || first > last) throw document.errorAt(['site', 'pipes'], 'needs first_port and last_port, the last not below the first, or neither');
  return { fromViewers, ports: { first, last } };
}

function liveOf(document: YamlDocument<RuthConfig>, httpHost: string): LiveSettings {
  const { webrtc = {}, rtsp } = document.value.live ?? {};
  if (rtsp && (rtsp.user === undefined) !== (rtsp.password === undefined)) throw document.errorAt(['live', 'rtsp'], 'needs user and password, or neither');
  const rtspHost = rtsp?.host ?? httpHost;
  if (rtsp && rtsp.user === undefined && !isLoopback(rtspHost)) throw document.errorAt(['live', 'rtsp'], `would show every camera to anyone who reaches ${rtspHost}; give user and password`);
  return {
    pipes: pipesOf(document),
    webrtc: webrtc.active === false ? null : { host: webrtc.host ?? httpHost, port: webrtc.port ?? 0, announcedAddress: webrtc.announced_address ?? null, workers: webrtc.workers ?? null },
    rtsp: rtsp === undefined ? null : {
      host: rtspHost, port: rtsp.port ?? 8554,
      credentials: rtsp.user === undefined || rtsp.password === undefined ? null : { user: rtsp.user, password: rtsp.password },
    },
  };
}

function copiesOf(document: YamlDocument<RuthConfig>): CopiesConfig | null {
  const { copies, recording } = document.value;
  if (copies && !recording) throw document.errorAt(['copies'], 'copies what is recorded, and nothing is: add recording with a directory');
  return copies ?? null;
}

function notificationsOf(document: YamlDocument<RuthConfig>): NotificationsConfig {
  const { notifications = {} } = document.value;
  for (const kind of ['webhooks', 'ntfy', 'email'] as const) {
    for (const [index, { id }] of (notifications[kind] ?? []).entries()) {
      if (notifications[kind]!.findIndex((other) => other.id === id) !== index) throw document.errorAt(['notifications', kind, index, 'id'], `${id} is taken by one above; choose another id`);
    }
  }
  return notifications;
}

function modelsOf(document: YamlDocument<RuthConfig>, modelsDirectory: string): Settings['models'] {
  const named = document.value.models ?? [{ id: BUILT_IN_DETECTOR }, { id: BUILT_IN_POSE }];
  return named.map((model, index) => {
    if (named.findIndex((other) => other.id === model.id) !== index) throw document.errorAt(['models', index, 'id'], `${model.id} stands above already`);
    return { id: model.id, folder: model.folder ?? `${modelsDirectory}/${model.id}` };
  }).filter(({ id }) => named.find((model) => model.id === id)?.active !== false);
}

function subscriptionsOf(document: YamlDocument<RuthConfig>, cameras: readonly CameraSettings[], models: Settings['models']): Settings['subscriptions'] {
  const declared = document.value.subscriptions ?? DEFAULT_SUBSCRIPTIONS.filter((subscription) => models.some((model) => model.id === subscription.model));
  const subscriptions = new Map<string, SubscriptionConfig & { active: boolean }>();
  const lineOf = new Map<string, number>();
  for (const [index, subscription] of declared.entries()) {
    const path = ['subscriptions', index];
    const zonesOf = (id: string): string[] => (document.value.cameras?.find((camera) => camera.id === id)?.zones ?? []).map((zone) => zone.id);
    const hasZone = (id: string): boolean => subscription.zone === undefined || zonesOf(id).includes(subscription.zone);
    // Where it names a zone, "*" stands for each camera that has it.
    const ids = subscription.camera === '*' ? cameras.map((camera) => camera.id).filter(hasZone) : [subscription.camera];
    if (ids.length === 0 && cameras.length > 0) throw document.errorAt([...path, 'zone'], `no camera of this file has a zone ${subscription.zone}`);
    if (subscription.camera !== '*' && !cameras.some((camera) => camera.id === subscription.camera)) {
      throw document.errorAt([...path, 'camera'], `${subscription.camera} is no camera of this file; known: ${cameras.map((camera) => camera.id).join(', ') || 'none'}`);
    }
    const off = (id: string | undefined): boolean => document.value.models?.some((model) => model.id === id && model.active === false) ?? false;
    // With its model, or the one whose boxes it wants, a subscription is switched off too.
    if (off(subscription.model) || off(subscription.regions?.model)) continue;
    for (const [key, model] of [['model', subscription.model], ['regions', subscription.regions?.model]] as const) {
      if (model === undefined || models.some((known) => known.id === model)) continue;
      throw document.errorAt([...path, key], `${model} is no model of this file; known: ${models.map((known) => known.id).join(', ') || 'none'}`);
    }
    // A line for one camera stands above a line for all.
    for (const camera of ids) {
      const key = `${camera} ${subscription.model}`;
      if (subscription.camera === '*' && subscriptions.has(key)) continue;
      subscriptions.set(key, { ...subscription, camera, active: subscription.active ?? true });
      lineOf.set(key, index);
    }
  }
  for (const [camera, ofCamera] of Map.groupBy(subscriptions.values(), (subscription) => subscription.camera)) {
    const problem = subscriptionProblem(ofCamera, (document.value.cameras?.find(({ id }) => id === camera)?.zones ?? []).map(({ id }) => id));
    if (problem) throw document.errorAt(['subscriptions', lineOf.get(`${camera} ${ofCamera[problem.index]!.model}`)!, problem.key], problem.message);
  }
  return [...subscriptions.values()];
}
