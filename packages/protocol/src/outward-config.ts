// The part of `ruth.yaml` that says who outside of Ruth hears of what: an MQTT broker, webhooks, ntfy, e-mail. No secret stands in it:
// each is named by an environment variable or a file.
import Type, { type Static } from 'typebox';
import { ROLES } from './access.ts';
import { ID_PATTERN } from './ids.ts';
import { SEVERITIES, TIMES_OF_WEEK } from './rules.ts';

const strict = { additionalProperties: false } as const;
const Id = Type.String({ pattern: ID_PATTERN, description: 'Its name in lists and logs' });
const names = (description: string) => Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { minItems: 1, maxItems: 64, description: `${description}; all unless told` }));

export const SecretConfig = Type.Union([
  Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 128, description: 'Name of an environment variable of the server' }) }, strict),
  Type.Object({ file: Type.String({ minLength: 1, maxLength: 4096, description: 'A file that holds it and nothing else, relative to this one' }) }, strict),
], { description: 'Where a secret is: {env: NAME} or {file: path}' });
export type SecretConfig = Static<typeof SecretConfig>;

/** Where people sign in who have no password here. */
export const OidcConfig = Type.Object({
  issuer: Type.String({ pattern: '^(https://[^\\s@]+|http://(127\\.0\\.0\\.1|localhost)(:\\d+)?(/[^\\s@]*)?)$', maxLength: 512, description: 'Of the provider, over https (plain http on this machine alone)' }),
  client_id: Type.String({ minLength: 1, maxLength: 256, description: 'As the provider knows Ruth' }), client_secret: Type.Optional(SecretConfig),
  title: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'What the button of the sign-in page says' })),
  scopes: Type.Optional(Type.String({ minLength: 6, maxLength: 256, description: '"openid profile email" unless told' })),
  name_claim: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Which claim names the person; preferred_username unless told' })),
  roles_claim: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Which claim tells the groups; groups unless told' })),
  roles: Type.Array(Type.Object({ group: Type.String({ minLength: 1, maxLength: 256, description: '"*" for anybody whom the provider signs in' }), role: Type.Enum([...ROLES], { description: 'What they may do' }) }, strict), { minItems: 1, maxItems: 64, description: 'The first that fits decides; who fits none is not let in' }),
}, { ...strict, description: 'Signing in through OpenID Connect; its callback is https://<host>/api/v1/session/oidc/callback' });
export type OidcConfig = Static<typeof OidcConfig>;

export const MqttConfig = Type.Object({
  url: Type.String({ pattern: '^mqtts?://[^\\s@/]+/?$', maxLength: 512, description: 'mqtt://host[:1883], or mqtts://host[:8883] over TLS; without credentials' }),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Name at the broker' })), password: Type.Optional(SecretConfig),
  topic_prefix: Type.Optional(Type.String({ pattern: '^[^+#/$][^+#]{0,126}$', description: 'What every topic begins with; ruth unless told' })),
  home_assistant: Type.Optional(Type.Union([Type.Boolean(), Type.String({ pattern: '^[^+#/$][^+#]{0,126}$' })], { description: 'Cameras appear in Home Assistant by themselves; true unless told. A text is its discovery prefix, homeassistant unless told' })),
  snapshots: Type.Optional(Type.Boolean({ description: 'A picture when a person appears or an alert is raised; true unless told' })),
  onvif_metadata: Type.Optional(Type.Boolean({ description: 'What is seen and what happens in the JSON of ONVIF Profile M too; false unless told' })),
}, { ...strict, description: 'An MQTT broker that is told what happens' });
export type MqttConfig = Static<typeof MqttConfig>;

/** What somebody hears of: events that fit all that is given. */
export const HearingConfig = Type.Object({
  types: names('Types of events, e.g. alert.raised, zone.entered, camera.down'), cameras: names('Ids of cameras'), classes: names('Classes of objects'), zones: names('Ids of zones or lines'), rules: names('Ids of rules'),
  min_severity: Type.Optional(Type.Enum([...SEVERITIES], { description: 'Of alerts: at least this severe' })),
  min_score: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'At least so sure' })),
  quiet: Type.Optional(Type.Object(TIMES_OF_WEEK, { ...strict, minProperties: 1, description: 'When nothing is heard, in the time zone of the node' })),
  cooldown_s: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400, description: 'After an event of a track, or of a camera and rule where there is none, no other of the same type for so many seconds; 0 unless told' })),
}, { ...strict, description: 'What is heard of' });
export type HearingConfig = Static<typeof HearingConfig>;

const hears = Type.Array(HearingConfig, { minItems: 1, maxItems: 64, description: 'An event is heard where it fits one of these' });
const snapshot = Type.Optional(Type.Boolean({ description: 'With the picture of the frame, where it is recorded; true unless told' }));

export const WebhookConfig = Type.Object({
  id: Id, url: Type.String({ pattern: '^https?://[^\\s@]+$', maxLength: 2048, description: 'Where to POST to: http:// or https://, without credentials' }), secret: SecretConfig, hears,
}, { ...strict, description: 'POSTs each event, signed' });
export type WebhookConfig = Static<typeof WebhookConfig>;
export const NtfyConfig = Type.Object({
  id: Id, url: Type.String({ pattern: '^https?://[^\\s@]+$', maxLength: 2048, description: 'Of the topic, e.g. https://ntfy.sh/my-topic' }), token: Type.Optional(SecretConfig), snapshot, hears,
}, { ...strict, description: 'A topic of ntfy' });
export type NtfyConfig = Static<typeof NtfyConfig>;
export const EmailConfig = Type.Object({
  id: Id, smtp: Type.String({ pattern: '^smtps?://[^\\s@/]+/?$', maxLength: 512, description: 'smtp://host[:587] (TLS by STARTTLS) or smtps://host[:465]; without credentials' }),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Name at the server' })), password: Type.Optional(SecretConfig),
  from: Type.String({ pattern: '^[^\\r\\n]{3,256}$', description: 'Who sends, e.g. Ruth <ruth@example.org>' }), to: Type.Array(Type.String({ pattern: '^[^\\s@]+@[^\\s@]+$', maxLength: 256 }), { minItems: 1, maxItems: 32, description: 'Who is told' }), snapshot, hears,
}, { ...strict, description: 'E-mail' });
export type EmailConfig = Static<typeof EmailConfig>;

export const Network = Type.String({ pattern: '^[0-9a-fA-F:.]+(/\\d{1,3})?$', maxLength: 64 });

/** Where cameras may be. */
export const CameraAddresses = Type.Object({
  allow: Type.Optional(Type.Array(Network, { maxItems: 64, description: 'Addresses or networks (169.254.20.0/24) that are reached although they are link-local, where no camera is reached unless told' })),
  only: Type.Optional(Type.Array(Network, { maxItems: 64, description: 'Where it is given, no camera elsewhere is reached (but for those of allow)' })),
}, { ...strict, description: 'Which addresses cameras may have' });
export type CameraAddresses = Static<typeof CameraAddresses>;

export const NotificationsConfig = Type.Object({
  webhooks: Type.Optional(Type.Array(WebhookConfig, { maxItems: 32, description: 'Each with what it hears of' })), ntfy: Type.Optional(Type.Array(NtfyConfig, { maxItems: 32, description: 'Each with what it hears of' })), email: Type.Optional(Type.Array(EmailConfig, { maxItems: 32, description: 'Each with what it hears of' })),
  allow_addresses: Type.Optional(Type.Array(Network, {
    maxItems: 64, description: 'Addresses or networks (192.0.2.0/24) that webhooks and ntfy may reach although they are of this machine or link-local, where nothing is reached unless told',
  })),
}, { ...strict, description: 'Who is told of what' });
export type NotificationsConfig = Static<typeof NotificationsConfig>;
