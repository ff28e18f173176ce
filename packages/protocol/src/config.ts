// The schema of `ruth.yaml`, the one settings file, read alike by every process (settings.ts).
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { CameraAddresses, MqttConfig, Network, NotificationsConfig, OidcConfig } from './outward-config.ts';
import { RuleConfig } from './rules.ts';
import { SceneConfig } from './scene.ts';
import { SiteConfig } from './site-config.ts';
import { SubscriptionConfig } from './subscriptions.ts';
import { CopiesConfig } from './copies-config.ts';
import { TelemetryConfig } from './telemetry-config.ts';

const strict = { additionalProperties: false } as const;
const id = (description: string) => Type.String({ pattern: ID_PATTERN, description: `${description}; letters, digits, '.', '_' and '-'` });

const maxAgeDays = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 36_500, description: 'Older recordings are deleted, but for what is kept; no limit unless told' }));
const maxSizeGb = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e7, description: 'When recordings take more (10^9 bytes), the oldest are deleted, but for what is kept; no limit unless told' }));

export const CameraConfig = Type.Object({
  id: id('Name of the camera in paths, messages and events'),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Shown on the page; the id unless told' })),
  url: Type.String({ minLength: 1, maxLength: 2048, description: 'rtsp://user:password@host:554/path; special characters of the password percent-encoded' }),
  detect_url: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'A second, smaller stream of the same camera that is decoded for models; url is recorded and shown. url unless told' })),
  transport: Type.Optional(Type.Enum(['tcp', 'udp'], { description: 'How RTP travels; tcp unless told' })),
  stall_timeout_ms: Type.Optional(Type.Integer({ minimum: 500, maximum: 120_000, description: 'Milliseconds of silence after which the camera counts as stalled; 5000 unless told' })),
  frames: Type.Optional(Type.Object({ slots: Type.Optional(Type.Integer({ minimum: 2, maximum: 256, description: 'Frames the ring holds; 8 unless told' })) }, { ...strict, description: 'Decoded frames in shared memory' })),
  audio: Type.Optional(Type.Boolean({ description: 'Keep the sound of the camera where it has one; true unless told' })),
  recording: Type.Optional(Type.Object({
    active: Type.Optional(Type.Boolean({ description: 'false records nothing of this camera; true unless told, where there is a recording section' })),
    max_age_days: maxAgeDays, max_size_gb: maxSizeGb,
  }, { ...strict, description: 'How this camera is recorded' })),
  note: Type.Optional(Type.String({ maxLength: 500, description: 'Shown on the page beside the camera' })),
  onvif: Type.Optional(Type.Object({
    url: Type.String({ pattern: '^https?://[^\\s@]+$', maxLength: 2048, description: 'Device service, e.g. http://host/onvif/device_service, without credentials' }),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'That of the camera\'s url unless told' })),
    password: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'That of the camera\'s url unless told' })),
  }, { ...strict, description: 'Where the camera can be turned (PTZ)' })),
}, { ...strict, description: 'A camera' });
export type CameraConfig = Static<typeof CameraConfig>;

/** As ruth.yaml has it: the kernel's part, and the scene, which is the core's. */
export const CameraEntry = Type.Object({ ...CameraConfig.properties, ...SceneConfig.properties }, { ...strict, description: 'A camera' });
export type CameraEntry = Static<typeof CameraEntry>;

export const ModelConfig = Type.Object({
  id: id('Model id'),
  folder: Type.Optional(Type.String({ minLength: 1, description: 'Folder with model.yaml; <models_directory>/<id> unless told' })),
  active: Type.Optional(Type.Boolean({ description: 'false keeps the line, and the subscriptions that name it, without running them; true unless told' })),
}, { ...strict, description: 'A model' });
export type ModelConfig = Static<typeof ModelConfig>;

export const RecordingConfig = Type.Object({
  directory: Type.String({ minLength: 1, description: 'Folder of the recordings and their index, relative to this file; made where it is missing' }),
  segment_s: Type.Optional(Type.Number({ minimum: 2, maximum: 300, description: 'Seconds after which a file is ended at the next keyframe; 10 unless told' })),
  max_age_days: maxAgeDays, max_size_gb: maxSizeGb,
  min_free_gb: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: 'Free space (10^9 bytes) below which the oldest recordings are deleted early; 2 unless told' })),
}, { ...strict, description: 'Records every camera; without this section nothing is recorded' });

const port = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description }));
const credential = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 128, description }));

export const LiveConfig = Type.Object({
  webrtc: Type.Optional(Type.Object({
    active: Type.Optional(Type.Boolean({ description: 'false: live video goes over the page\'s own connection alone; true unless told' })),
    host: Type.Optional(Type.String({ minLength: 1, description: 'Address to listen on for media; http.host unless told' })),
    port: port('First UDP and TCP port for media, one for each worker; 0, any free ones, unless told'),
    announced_address: Type.Optional(Type.String({ minLength: 1, description: 'Address or name under which viewers reach this machine, where it is another than host' })),
    workers: Type.Optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Most mediasoup workers; one per core unless told' })),
  }, { ...strict, description: 'Live video over WebRTC' })),
  rtsp: Type.Optional(Type.Object({
    host: Type.Optional(Type.String({ minLength: 1, description: 'Address to listen on; http.host unless told' })),
    port: port('8554 unless told; 0 picks a free one'),
    user: credential('Name that clients must give'), password: credential('Password that clients must give (digest authentication)'),
  }, { ...strict, description: 'Every camera as rtsp://host:port/<camera> for other programs; without this section not' })),
}, { ...strict, description: 'How live video is served' });
export type LiveConfig = Static<typeof LiveConfig>;

export const RuthConfig = Type.Object({
  http: Type.Optional(Type.Object({
    host: Type.Optional(Type.String({ minLength: 1, description: 'Address to listen on; 127.0.0.1 unless told' })),
    port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: '8080 unless told; 0 picks a free one' })),
    tls: Type.Optional(Type.Object({
      certificate: Type.String({ minLength: 1, description: 'File with the certificate and its chain, PEM, relative to this file' }),
      key: Type.String({ minLength: 1, description: 'File with its private key, PEM without a passphrase, relative to this file' }),
    }, { ...strict, description: 'HTTPS by a certificate of your own, read again when it is renewed; HTTP without this section' })),
    trusted_proxies: Type.Optional(Type.Array(Network, { maxItems: 64, description: 'Addresses or networks of proxies in front, e.g. 127.0.0.1, whose X-Forwarded-For says who asks: for the audit log, and for who has to wait after failed sign-ins; none unless told' })),
  }, { ...strict, description: 'Where the page and the API are served' })),
  paths: Type.Optional(Type.Object({
    socket_directory: Type.Optional(Type.String({ pattern: '^/', maxLength: 60, description: 'Unix sockets of the processes, from / on; /tmp unless told' })),
    ring_directory: Type.Optional(Type.String({ pattern: '^/', description: 'Shared memory for frames, from / on; /dev/shm unless told' })),
    models_directory: Type.Optional(Type.String({ minLength: 1, description: 'Folder of model folders, relative to this file; models unless told' })),
    data_directory: Type.Optional(Type.String({ minLength: 1, description: 'Folder of what Ruth itself must remember, relative to this file; made when there is something to remember; ruth-data unless told' })),
    key_file: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: 'File of the key that opens sealed credentials, relative to this file, e.g. one that systemd passes on; ruth.key of the data directory, made when it is needed, unless told' })),
  }, { ...strict, description: 'Where sockets, frames, models and what is remembered are' })),
  log_level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'], { description: 'The least that is logged; info unless told' })),
  recording: Type.Optional(RecordingConfig),
  events: Type.Optional(Type.Object({
    max_age_days: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 36_500, description: 'Days after which an event goes that no recording belongs to; as recording.max_age_days, or 30, unless told' })),
    outlive_recordings: Type.Optional(Type.Boolean({ description: 'true: events stay for max_age_days although their recordings are gone, and say so; false, they go with the recordings, unless told' })),
  }, { ...strict, description: 'How long events are kept; one that a recording belongs to goes with it, unless told' })),
  live: Type.Optional(LiveConfig),
  decoding: Type.Optional(Type.Object({
    hardware: Type.Optional(Type.Enum(['auto', 'none', 'vaapi', 'cuda'], { description: 'Decoder hardware; none unless told. Where it is missing or fails, software decodes and the log says so' })),
  }, { ...strict, description: 'How pictures are decoded' })),
  cameras: Type.Optional(Type.Array(CameraEntry, { maxItems: 1024, description: 'The cameras of this node' })),
  models: Type.Optional(Type.Array(ModelConfig, { maxItems: 256, description: 'The models to run; the two built-in ones unless told' })),
  subscriptions: Type.Optional(Type.Array(SubscriptionConfig, {
    maxItems: 16_384, description: 'Which model looks at which camera, how often; unless told, the built-in models at all cameras',
  })),
  time_zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'IANA name, e.g. Europe/Berlin, in which rules tell times of day; that of the machine unless told' })),
  rules: Type.Optional(Type.Array(RuleConfig, { maxItems: 4096, description: 'What raises an alert' })),
  site: Type.Optional(SiteConfig),
  oidc: Type.Optional(OidcConfig),
  mqtt: Type.Optional(MqttConfig),
  notifications: Type.Optional(NotificationsConfig),
  camera_addresses: Type.Optional(CameraAddresses),
  telemetry: Type.Optional(TelemetryConfig), copies: Type.Optional(CopiesConfig),
}, strict);
export type RuthConfig = Static<typeof RuthConfig>;
