// Settings as a `ruth.yaml` text again (JSON, which YAML contains): what a supervisor hands to a process.
import type { CameraConfig, CameraSettings, CameraSubscriptions, LiveConfig, LiveSettings, Retention, RuthConfig, Settings } from '@ruth/protocol';

const BYTES_PER_GB = 1e9;

/** `parseSettings(settingsText(s), ...)` gives `s` back. */
export function settingsText(settings: Settings): string {
  const config: RuthConfig = {
    http: { host: settings.http.host, port: settings.http.port, ...(settings.http.tls && { tls: { certificate: settings.http.tls.certificateFile, key: settings.http.tls.keyFile } }), trusted_proxies: [...settings.http.trustedProxies] },
    paths: { socket_directory: settings.socketDirectory, ring_directory: settings.ringDirectory, models_directory: settings.modelsDirectory, data_directory: settings.dataDirectory, ...(settings.keyFile === null ? {} : { key_file: settings.keyFile }) },
    log_level: settings.logLevel,
    ...(settings.recording === null ? {} : {
      recording: {
        directory: settings.recording.directory, segment_s: settings.recording.segmentS, min_free_gb: settings.recording.minFreeBytes / BYTES_PER_GB, ...retentionConfig(settings.recording),
      },
    }),
    events: { ...(settings.events.maxAgeDays === null ? {} : { max_age_days: settings.events.maxAgeDays }), outlive_recordings: settings.events.outliveRecordings },
    live: liveConfig(settings.live), decoding: settings.decoding,
    cameras: settings.cameras.map((camera) => ({ ...cameraConfig(camera), ...settings.scenes[camera.id] })),
    models: settings.models.map((model) => ({ id: model.id, folder: model.folder })),
    subscriptions: [...settings.subscriptions],
    ...(settings.timeZone === null ? {} : { time_zone: settings.timeZone }), rules: [...settings.rules],
    ...(settings.site === null ? {} : { site: settings.site }), ...(settings.oidc === null ? {} : { oidc: settings.oidc }), ...(settings.mqtt === null ? {} : { mqtt: settings.mqtt }), notifications: settings.notifications, camera_addresses: settings.cameraAddresses,
    ...(settings.telemetry === null ? {} : { telemetry: settings.telemetry }),
    ...(settings.copies === null ? {} : { copies: settings.copies }),
  };
  return JSON.stringify(config);
}

/** `cameraSettings(cameraConfig(s))` gives `s` back. */
export function cameraConfig(camera: CameraSettings): CameraConfig {
  const { onvif } = camera;
  return {
    id: camera.id, name: camera.name, url: camera.url, transport: camera.transport, stall_timeout_ms: camera.stallTimeoutMs,
    frames: { slots: camera.slotCount }, audio: camera.audio,
    ...(camera.note === null ? {} : { note: camera.note }), ...(camera.detectUrl === null ? {} : { detect_url: camera.detectUrl }),
    recording: { active: camera.recording.active, ...retentionConfig(camera.recording) },
    ...(onvif === null ? {} : { onvif: { url: onvif.url, ...(onvif.user === null ? {} : { user: onvif.user }), ...(onvif.password === null ? {} : { password: onvif.password }) } }),
  };
}

/** What kernel and core are told of a camera. */
export function cameraForNode(settings: Settings, id: string): [kernel: CameraConfig, core: Required<CameraSubscriptions>] {
  const own = <T extends { readonly camera: string }>(all: readonly T[]): T[] => all.filter(({ camera }) => camera === id);
  return [
    cameraConfig(settings.cameras.find((camera) => camera.id === id)!),
    { subscriptions: own(settings.subscriptions), scene: settings.scenes[id] ?? {}, rules: own(settings.rules).map(({ camera: _, ...rule }) => rule) },
  ];
}

function retentionConfig({ maxAgeDays, maxBytes }: Retention): { max_age_days?: number; max_size_gb?: number } {
  return { ...(maxAgeDays === null ? {} : { max_age_days: maxAgeDays }), ...(maxBytes === null ? {} : { max_size_gb: maxBytes / BYTES_PER_GB }) };
}

function liveConfig({ webrtc, rtsp }: LiveSettings): LiveConfig {
  return {
    webrtc: webrtc === null ? { active: false } : {
      host: webrtc.host, port: webrtc.port,
      ...(webrtc.announcedAddress === null ? {} : { announced_address: webrtc.announcedAddress }), ...(webrtc.workers === null ? {} : { workers: webrtc.workers }),
    },
    ...(rtsp === null ? {} : { rtsp: { host: rtsp.host, port: rtsp.port, ...rtsp.credentials } }),
  };
}
