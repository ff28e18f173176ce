// Contract 4, cameras at run time: how one is turned (PUT|DELETE /v1/cameras/:id of kernel and core, POST /v1/cameras/:id/ptz of
// the kernel), and what `ruth camera probe` and `ruth camera discover` find out.
import Type, { type Static } from 'typebox';
import { CameraAddresses } from './outward-config.ts';
import { CameraRule } from './rules.ts';
import { SceneConfig } from './scene.ts';
import { SubscriptionConfig } from './subscriptions.ts';

const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });
const speed = (description: string) => Type.Optional(Type.Number({ minimum: -1, maximum: 1, description }));

/** PUT /v1/cameras/:id of core: what ruth.yaml says of a camera from now on. Without `scene` or `rules` those stay as they are. */
export const CameraSubscriptions = Type.Object({
  subscriptions: Type.Array(SubscriptionConfig, { maxItems: 256, description: 'The models that look at the camera' }),
  scene: Type.Optional(SceneConfig),
  rules: Type.Optional(Type.Array(CameraRule, { maxItems: 256, description: 'What raises an alert at this camera' })),
}, { additionalProperties: false });
export type CameraSubscriptions = Static<typeof CameraSubscriptions>;

/** Moves for a limited time, goes to a preset, or stops; a movement that nobody renews ends by itself. */
export const PtzRequest = Type.Union([
  Type.Object({
    pan: speed('Right is positive, full speed 1'), tilt: speed('Up is positive'), zoom: speed('In is positive'),
    timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 10_000, description: 'How long to move; 1000 unless told' })),
  }, { additionalProperties: false, minProperties: 1 }),
  Type.Object({ stop: Type.Literal(true) }, { additionalProperties: false }),
  Type.Object({ preset: Type.String({ minLength: 1, maxLength: 64, pattern: '^[^<>&]*$', description: 'Token of a preset' }) }, { additionalProperties: false }),
]);
export type PtzRequest = Static<typeof PtzRequest>;

/** GET /v1/cameras/:id/ptz */
export const PtzStatus = Type.Object({ presets: Type.Array(Type.Object({ token: Type.String(), name: Type.String() })) });
export type PtzStatus = Static<typeof PtzStatus>;

/** What the process of a probe is told over its standard input. */
export const ProbeRequest = Type.Object({
  url: Type.String({ maxLength: 2048 }), transport: Nullable(Type.Enum(['tcp', 'udp'])),
  seconds: Type.Number({ minimum: 1, maximum: 60 }), detect_stream: Type.Boolean(),
  addresses: Type.Optional(CameraAddresses),
}, { additionalProperties: false });
export type ProbeRequest = Static<typeof ProbeRequest>;

export const ProbeReport = Type.Object({
  node: Type.Optional(Type.String({ description: 'Of a site: the node that looked' })),
  /** Without credentials. */
  url: Type.String(),
  transport: Type.Enum(['tcp', 'udp']),
  /** Why the other way of transport was not taken. */
  refused_transports: Type.Record(Type.String(), Type.String()),
  measured_s: Type.Number(), connect_ms: Type.Number(), first_picture_ms: Nullable(Type.Number({ description: 'From the answer to PLAY until the first keyframe was whole' })),
  codec: Type.String(), profile: Nullable(Type.String({ description: 'RFC 6381' })), width: Nullable(Count), height: Nullable(Count),
  /** What the stream's own header says, and what came. */
  stated_fps: Nullable(Type.Number()), fps: Nullable(Type.Number()),
  /** Of the time between pictures, standard deviation over mean. */
  fps_jitter: Nullable(Type.Number()),
  keyframe_interval_s: Nullable(Type.Number()), pictures_per_keyframe: Nullable(Type.Number()), b_frames: Nullable(Type.Boolean()),
  bitrate_bps: Type.Number(), packets_lost: Nullable(Count), parameter_sets: Type.Enum(['stream', 'description', 'both', 'missing']),
  audio_codec: Nullable(Type.String()),
  /** How much faster than ours the stream's clock runs; null where the time was too short to say. */
  clock_drift_ppm: Nullable(Type.Number()), sender_reports: Nullable(Type.Boolean()),
  /** Camera's wall clock minus ours, from its sender reports. */
  clock_offset_s: Nullable(Type.Number()),
  advice: Type.Array(Type.Object({ level: Type.Enum(['good', 'note', 'problem']), text: Type.String() })),
});
export type ProbeReport = Static<typeof ProbeReport>;

/** What the process of a search is told over its standard input. */
export const DiscoverRequest = Type.Object({
  timeout_ms: Type.Integer({ minimum: 100, maximum: 60_000 }),
  interface: Nullable(Type.String({ maxLength: 64, description: 'Name of a network interface; that of the default route unless told' })),
  /** Asked for its streams is each device only where these are there. */
  credentials: Nullable(Type.Object({ user: Type.String({ maxLength: 128 }), password: Type.String({ maxLength: 128 }) })),
  addresses: Type.Optional(CameraAddresses),
}, { additionalProperties: false });
export type DiscoverRequest = Static<typeof DiscoverRequest>;

export const DiscoveredStream = Type.Object({
  profile: Type.String(), url: Type.String(), codec: Nullable(Type.String()), width: Nullable(Count), height: Nullable(Count), fps: Nullable(Type.Number()), ptz: Type.Boolean(),
});
export const DiscoveredDevice = Type.Object({
  address: Type.String(), onvif_url: Type.String(), name: Nullable(Type.String()), hardware: Nullable(Type.String()), location: Nullable(Type.String()),
  /** Largest picture first; null where it was not asked for. `error`: why not, or why some are missing. */
  streams: Nullable(Type.Array(DiscoveredStream)), error: Nullable(Type.String()),
});
export type DiscoveredStream = Static<typeof DiscoveredStream>;
export type DiscoveredDevice = Static<typeof DiscoveredDevice>;
