// Contract 4, the cameras of a node as ruth.yaml has them, read and changed while it runs: by the supervisor, which keeps the file
// (GET|POST /v1/cameras, GET|PATCH|DELETE /v1/cameras/:id, PATCH /v1/cameras/:id/intent), and through the server. Those of a site likewise, by its fleet process
// (the same paths below /v1/site), which keeps them in NATS.
import Type, { type Static } from 'typebox';
import { CameraConfig } from './config.ts';
import { SITE_CREDENTIALS } from './fleet.ts';
import { ID_PATTERN } from './ids.ts';
import { CameraIntent } from './intent.ts';
import { CameraRule } from './rules.ts';
import { SceneConfig } from './scene.ts';
import { SiteLabels } from './site-config.ts';
import { CameraSubscription } from './subscriptions.ts';

const strict = { additionalProperties: false } as const;
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

const { id: _, url, ...optional } = CameraConfig.properties;

/** What is given is set, null takes a key away, the rest stays. A URL is given whole, with its credentials: those that are there are never told. */
export const CameraChange = Type.Object({
  url: Type.Optional(url), ...Object.fromEntries(Object.entries(optional).map(([key, schema]) => [key, Type.Optional(Nullable(schema as Type.TSchema))])),
}, { ...strict, minProperties: 1, description: 'A change of a camera' });
export type CameraChange = Partial<Pick<CameraConfig, 'url'>> & { [K in keyof Omit<CameraConfig, 'id' | 'url'>]?: CameraConfig[K] | null };

/** What shall be at a camera: what is given takes the place of what is there, the rest stays. */
export const CameraIntentChange = Type.Partial(CameraIntent, { ...strict, minProperties: 1, description: 'What shall be at a camera from now on' });
export type CameraIntentChange = Partial<CameraIntent>;

const Cores = Type.Number({ minimum: 0, maximum: 4096, description: 'What it costs a node, in cores' });
const Revision = Type.Integer({ minimum: 1, description: 'Of a camera of the site: the one that is changed or removed, as its settings tell. Where somebody changed it meanwhile, nothing is done' });

/** Which nodes of a site may have a camera, and what it costs one. */
export const SitePlacing = Type.Object({
  require: Type.Optional({ ...SiteLabels, description: 'Labels of nodes: it is at no other' }), prefer: Type.Optional({ ...SiteLabels, description: 'Labels of nodes: rather there' }), cost_cores: Type.Optional(Cores),
}, { ...strict, description: 'It is a camera of the site, which decides at which node it is' });
export type SitePlacing = Static<typeof SitePlacing>;

export const SitePlacingChange = Type.Object({ require: Type.Optional(Nullable(SiteLabels)), prefer: Type.Optional(Nullable(SiteLabels)), cost_cores: Type.Optional(Nullable(Cores)) }, strict);
export type SitePlacingChange = Static<typeof SitePlacingChange>;

/** POST /api/v1/cameras. With `site` it is one of the site, without it this node's own. */
export const NewCamera = Type.Object({ ...CameraConfig.properties, site: Type.Optional(SitePlacing) }, { ...strict, description: 'A new camera' });
export type NewCamera = Static<typeof NewCamera>;

/** PATCH /api/v1/cameras/:id. `site` and `revision` are of a camera of the site; that needs a revision. */
export const CameraUpdate = Type.Object({ ...CameraChange.properties, site: Type.Optional(SitePlacingChange), revision: Type.Optional(Revision) }, { ...strict, minProperties: 1, description: 'A change of a camera' });
export type CameraUpdate = CameraChange & { site?: SitePlacingChange; revision?: number };

/** Query of DELETE /api/v1/cameras/:id. One of the site needs a revision. */
export const CameraRemoval = Type.Object({ revision: Type.Optional(Revision) }, strict);
export type CameraRemoval = Static<typeof CameraRemoval>;

/** PATCH /api/v1/cameras/:id/intent */
export const CameraIntentUpdate = Type.Object({ ...CameraIntentChange.properties, revision: Type.Optional(Revision) }, { ...strict, minProperties: 1, description: 'What shall be at a camera from now on' });
export type CameraIntentUpdate = CameraIntentChange & { revision?: number };

/** PATCH /v1/site/cameras/:id of the fleet process. */
export const SiteCameraChange = Type.Object({
  revision: Revision, camera: Type.Optional(CameraChange), intent: Type.Optional(CameraIntentChange), placing: Type.Optional(SitePlacingChange),
}, { ...strict, description: 'A change of a camera of the site' });
export type SiteCameraChange = Omit<Static<typeof SiteCameraChange>, 'camera' | 'intent'> & { readonly camera?: CameraChange; readonly intent?: CameraIntentChange };

/** `managed`: it stands in the file, or in the site. Else the command that started the node brought it along, and it lasts as long as that. */
export const NodeCamera = Type.Object({
  config: Type.Object({ ...CameraConfig.properties }, { ...strict, description: 'Its settings; URLs without credentials, no password' }),
  has_credentials: Type.Boolean({ description: 'Its URL has a user or a password' }),
  managed: Type.Boolean(),
  subscriptions: Type.Array(CameraSubscription), scene: SceneConfig,
  rules: Type.Array(CameraRule, { description: 'Of this camera alone' }),
  shared_rules: Type.Array(CameraRule, { description: 'Of every camera that has what they name: they stand in ruth.yaml under "*", and are changed there' }),
  site: Type.Optional(Type.Object({
    ...SitePlacing.properties, revision: Type.Integer({ minimum: 1 }), node: Nullable(Type.String({ pattern: ID_PATTERN, description: 'That has it, or had it last' })),
    refused: Nullable(Type.String({ description: 'Which nodes cannot take it, and why' })),
    unplaced: Type.Optional(Nullable(Type.String({ description: 'Why no node that lives has it; null where one has it' }))),
    measured_cores: Type.Optional(Nullable(Type.Number({ minimum: 0, description: 'What it took where it ran last; null where nobody measured' }))),
    credentials: Type.Enum([...SITE_CREDENTIALS]),
  }, { description: 'Of a camera of the site; absent: it is of a node\'s own ruth.yaml' })),
});
export type NodeCamera = Static<typeof NodeCamera>;

/** What is looked at before a camera is added: a URL, or a camera that is there. */
export const CameraProbe = Type.Object({
  url: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })), camera_id: Type.Optional(Type.String({ pattern: ID_PATTERN })),
  transport: Type.Optional(Type.Enum(['tcp', 'udp'])), seconds: Type.Optional(Type.Number({ minimum: 1, maximum: 30, description: '5 unless told; longer where keyframes are rare' })),
  site: Type.Optional({ ...SitePlacing, description: 'Of a url: it is looked at from a node of the site that may have such a camera' }),
}, { ...strict, description: 'url or camera_id' });
export type CameraProbe = Static<typeof CameraProbe>;

/** POST /v1/site/cameras/:id/probe of the fleet process: through this node, with the credentials that it opens. */
export const SiteCameraProbe = Type.Pick(CameraProbe, ['transport', 'seconds'], { ...strict, description: 'How a camera of the site is looked at' });
export type SiteCameraProbe = Static<typeof SiteCameraProbe>;

/** Looks for ONVIF cameras; with user and password each is asked for its streams. */
export const CameraSearch = Type.Object({
  timeout_s: Type.Optional(Type.Number({ minimum: 0.1, maximum: 30, description: 'How long to wait for answers; 3 unless told' })),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })), password: Type.Optional(Type.String({ maxLength: 128 })),
}, strict);
export type CameraSearch = Static<typeof CameraSearch>;
