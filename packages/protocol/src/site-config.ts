// `site:` of ruth.yaml: this node is one of several, which share cameras. Without it a node is by itself.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

/** What a node is, or a camera asks for: `{ building: north, gpu: "yes" }`. */
export const SiteLabels = Type.Record(Type.String({ pattern: ID_PATTERN }), Type.String({ minLength: 1, maxLength: 63 }), { maxProperties: 32, description: 'Names and values, e.g. building: north' });
export type SiteLabels = Static<typeof SiteLabels>;

/** Where the server of a node is reached by those of the others. */
export const ServerUrl = Type.String({ pattern: '^https?://[^\\s@/]+$', maxLength: 256, description: 'E.g. https://north.example:8080' });

const file = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));

const number = (minimum: number, maximum: number, description: string) => Type.Optional(Type.Number({ minimum, maximum, description }));

export const SiteEventsConfig = Type.Object({
  outbox_max_mb: number(4, 1e6, 'What this node keeps on its disk of events that the site does not have yet; then the oldest go; 256 unless told'),
  outbox_max_age_days: number(0.01, 3650, 'What is older goes too; 7 unless told'),
  stream_max_gb: number(0.001, 1e6, 'What the site keeps of events in JetStream, also of those that are in the database; 1 unless told'),
  stream_max_age_days: number(0.01, 3650, '7 unless told'),
}, { additionalProperties: false, description: 'How events of this node come to the site' });
export type SiteEventsConfig = Static<typeof SiteEventsConfig>;

const port = (description: string) => Type.Optional(Type.Integer({ minimum: 1024, maximum: 65_535, description }));

export const SitePipesConfig = Type.Object({
  from_viewers: Type.Optional(Type.Integer({ minimum: 0, maximum: 256, description: 'From which viewer through this node on a camera of another node is taken over one pipe for all; 0, never; 3 unless told' })),
  first_port: port('First of the UDP ports on which pipes of this node send and take pictures; any free ones unless told'),
  last_port: port('Last of them: one for each camera that is piped, at both ends'),
}, { additionalProperties: false, description: 'Live pictures of a much-watched camera, from one node to another once' });
export type SitePipesConfig = Static<typeof SitePipesConfig>;

export const SiteConfig = Type.Object({
  nats: Type.Array(Type.String({ pattern: '^(nats|tls)://[^\\s@/]+$', maxLength: 256 }), { minItems: 1, maxItems: 16, description: 'NATS servers with JetStream, of one cluster, e.g. tls://nats-1:4222' }),
  credentials_file: file('A .creds file, where the servers ask for one'),
  ca_file: file('Certificate authority of the servers, PEM; those that this machine trusts unless told'),
  replicas: Type.Optional(Type.Integer({ minimum: 1, maximum: 5, description: 'Servers that keep what the site knows: 3 in a cluster; 1 unless told' })),
  node: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'Name of this node in the site; the name of the machine unless told' })),
  labels: Type.Optional(SiteLabels),
  server_url: Type.Optional({ ...ServerUrl, description: 'Where the servers of the other nodes reach the one of this node, e.g. https://north.example:8080; without it the others do not show what is here' }),
  server_ca_file: file('Certificate authority of the servers of the other nodes, PEM; those that this machine trusts unless told'),
  capacity_cores: Type.Optional(Type.Number({ minimum: 0, maximum: 4096, description: 'What this node gives to cameras of the site; its cores but for a half unless told' })),
  key_file: file('File of the key that seals credentials of cameras of the site, the same on all its nodes, relative to this file; site.key of the data directory unless told. `ruth site key make` makes it'),
  events: Type.Optional(SiteEventsConfig),
  pipes: Type.Optional(SitePipesConfig),
}, { additionalProperties: false, description: 'This node is one of several, which share cameras' });
export type SiteConfig = Static<typeof SiteConfig>;
