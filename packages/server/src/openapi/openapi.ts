// The API as OpenAPI 3.1, made from the table of routes (who may), the operations (what they are), and the schemas that check requests. The same text for
// the same version: GET /api/v1/openapi.json, and what the client of packages/client is made from.
import * as protocol from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import type Type from 'typebox';
import packageJson from '../../package.json' with { type: 'json' };
import { ROUTE_TABLE, type RouteRule } from '../access/index.ts';
import { OPERATIONS, type Operation } from './operations.ts';

type Json = Record<string, unknown>;

const API = '/api/v1/';
const NAMED = new Map<unknown, string>(Object.entries(protocol).filter(([name, value]) => /^[A-Z][A-Za-z]+$/.test(name) && typeof value === 'object' && value !== null && ('type' in value || 'anyOf' in value)).map(([name, value]) => [value, name]));
const OF_ALL_NODES = ['users', 'tokens', 'audit', 'site'];
const INTEGER_IDS = ['events', 'tokens', 'dead-letters'];

/** Before any route of the API is added: one that checks by another schema than it tells of throws. */
export function addOpenApi(app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const one of [method].flat()) {
      if (!url.startsWith(API) || one === 'HEAD') continue;
      const operation = OPERATIONS[`${one} ${url}`];
      if (!operation) throw new protocol.RuthError('internal', `the route ${one} ${url} is not in operations.ts`);
      if ((schema?.body !== undefined && schema.body !== operation.body) || (schema?.querystring !== undefined && schema.querystring !== operation.query)) throw new protocol.RuthError('internal', `the route ${one} ${url} checks requests by another schema than operations.ts tells of`);
    }
  });
  let text: string | null = null;
  app.get('/api/v1/openapi.json', (_request, reply) => reply.type('application/json').send(text ??= JSON.stringify(openApiDocument())));
}

export function openApiDocument(): Json {
  const components = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method, url] = route.split(' ') as [string, string];
    const path = url.replaceAll(/:([a-z]+)/g, '{$1}');
    (paths[path] ??= {})[method.toLowerCase()] = operationObject(method, url, operation, ROUTE_TABLE[route]!, components);
  }
  const error = reference(protocol.ErrorBody, components);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ruth', version: packageJson.version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'Cameras, recordings, live video and AI events of a node. Times are seconds, UTC. Programs send an API token; what a token or a person may do and see is checked for every route and camera.',
    },
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...components].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      responses: { Error: { description: 'What was wrong, and what would be right', content: { 'application/json': { schema: error } } } },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'An API token' }, session: { type: 'apiKey', in: 'cookie', name: 'ruth_session', description: 'Of a browser that signed in' } },
    },
  };
}

/** What is of a node, and not in the database that all of a site share. */
function mayNameNode(url: string, needs: RouteRule['needs'], camera: RouteRule['camera']): boolean {
  return needs !== 'open' && needs !== 'known' && camera !== 'each' && !OF_ALL_NODES.some((of) => url.startsWith(`${API}${of}`));
}

function operationObject(method: string, url: string, { summary, body, query, takes, answer, status, joins }: Operation, { needs, camera }: RouteRule, components: Map<string, Json>): Json {
  const parameters = [
    ...[...url.matchAll(/:([a-z]+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: INTEGER_IDS.some((plural) => url.startsWith(`${API}${plural}/:id`)) ? { type: 'integer', minimum: 1 } : { type: 'string' } })),
    ...Object.entries(query?.properties ?? {}).map(([name, schema]) => ({ name, in: 'query', required: (query!.required as readonly string[] | undefined)?.includes(name) ?? false, ...described(schema as Json), schema: asJsonSchema(schema, components) })),
    ...(mayNameNode(url, needs, camera) ? [{ name: 'node', in: 'query', required: false, description: 'Of a site: the node to ask; unless told, the one that has what is asked for, or this one', schema: { type: 'string' } }] : []),
  ];
  const done = String(status ?? (answer === null ? 204 : answer === 'websocket' ? 101 : 200));
  return {
    operationId: operationId(method, url), summary, tags: [url.slice(API.length).split('/')[0]],
    description: needs === 'open' ? 'Open to all.' : needs === 'known' ? 'For whoever is signed in.' : `Needs the permission ${needs}${camera === undefined ? '' : camera === 'each' ? '; leaves out cameras that may not be seen' : ', and that the camera may be seen'}.`,
    ...(needs === 'open' ? { security: [] } : {}), ...(parameters.length === 0 ? {} : { parameters }),
    ...(takes === undefined ? {} : { requestBody: { required: true, content: { [takes]: {} } } }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: reference(body, components) } } } }),
    responses: { [done]: { description: summary, ...(joins ? { headers: missing(components) } : {}), ...content(answer, components) }, default: { $ref: '#/components/responses/Error' } },
  };
}

function content(answer: Operation['answer'], components: Map<string, Json>): Json {
  if (answer === null || answer === 'websocket') return {};
  if (typeof answer === 'string') return { content: { [answer]: {} } };
  return { content: { 'application/json': { schema: reference(answer, components) } } };
}

const missing = (components: Map<string, Json>): Json => ({
  [protocol.NOT_ASKED_HEADER]: { description: 'In a site: what is missing in the list, as nobody could be asked for it; absent: nothing', content: { 'application/json': { schema: reference(protocol.NotAsked, components) } } },
});

const described = ({ description }: Json): Json => (description === undefined ? {} : { description });

/** `getCamerasIdSettings` */
function operationId(method: string, url: string): string {
  const words = url.slice(API.length).split(/[/.:-]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}

/** A schema of the protocol is told once and named; others stand where they are. */
function reference(schema: Type.TSchema, components: Map<string, Json>): Json { return asJsonSchema(schema, components) as Json; }

function asJsonSchema(schema: unknown, components: Map<string, Json>): unknown {
  const name = NAMED.get(schema);
  if (name === undefined) return plain(schema, components);
  if (!components.has(name)) {
    // Named before it is looked into.
    components.set(name, {});
    components.set(name, plain(schema, components) as Json);
  }
  return { $ref: `#/components/schemas/${name}` };
}

/** Draft 7's tuples as those of 2020-12; TypeBox's own marks are no JSON and fall away. */
function plain(value: unknown, components: Map<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((item) => asJsonSchema(item, components));
  if (typeof value !== 'object' || value === null) return value;
  const { items, additionalItems: _, ...rest } = value as Json;
  const entries = Object.entries(rest).filter(([key]) => !key.startsWith('~')).map(([key, inner]) => [key, asJsonSchema(inner, components)]);
  const tuple = Array.isArray(items) ? { prefixItems: asJsonSchema(items, components), items: false } : items === undefined ? {} : { items: asJsonSchema(items, components) };
  return { ...Object.fromEntries(entries), ...tuple };
}
