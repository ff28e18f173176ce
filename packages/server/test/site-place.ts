// A site of two servers, one of which has no camera of its own, and a third node that is away. The fleet process of the first is a stand-in.
import { fleetSocketPath, type ErrorBody, type NodeCamera, type SiteNodesDetails, type SiteView } from '@ruth/protocol';
import type { StoreAddress } from '@ruth/server';
import { fastify, type FastifyInstance } from 'fastify';
import { CAMERAS, startAccessPlace, type AccessPlace } from './access-place.ts';
import { startPostgres, type postgresPrograms } from './postgres.ts';

export const SOUTH: SiteNodesDetails[string] = {
  leads: true, labels: { building: 'south' }, capacity_cores: 1.5, used_cores: 0.1, measured_cores: 0.08, draining: { since: 1_700_000_000, cameras: 12, left: 9, staying: null },
  outbox: { waiting: 3, oldest_age_s: 60, dropped: 0, told_at: 1_700_000_000 },
};

export class SitePlace implements AsyncDisposable {
  /** Of the node north. */
  readonly front: AccessPlace;
  readonly south: AccessPlace;
  readonly store: StoreAddress;
  /** What the fleet process was told to change. */
  readonly changes: { method: string; path: string; body: unknown }[] = [];
  /** Why the fleet process can say nothing of NATS; empty where it can. */
  unasked = '';
  readonly cameras: SiteView['cameras'] = { yard: { node: 'south', name: 'The yard', url: 'rtsp://127.0.0.1/yard' }, attic: { node: null, name: 'Attic', url: 'rtsp://***@127.0.0.1', refused: 'south: its credentials are sealed' } };
  readonly #stack: AsyncDisposableStack;
  #nodes: SiteView['nodes'];
  #revision = 1;

  private constructor(stack: AsyncDisposableStack, store: StoreAddress, front: AccessPlace, south: AccessPlace) {
    this.#stack = stack;
    this.store = store;
    this.front = front;
    this.south = south;
    const known = { state: 'lives', since: null, own: [], recorded: [] } as const;
    this.#nodes = {
      north: { ...known, own: [], recorded: [], server_url: front.url }, south: { ...known, own: ['vault'], recorded: [...CAMERAS], server_url: south.url },
      west: { ...known, state: 'away', since: 1_700_000_000, own: ['shed'], recorded: [], server_url: 'http://127.0.0.1:9' },
    };
  }

  static async start(programs: NonNullable<ReturnType<typeof postgresPrograms>>): Promise<SitePlace> {
    await using stack = new AsyncDisposableStack();
    const { url } = stack.use(await startPostgres(programs));
    const store: StoreAddress = { kind: 'postgres', url };
    const south = stack.use(await startAccessPlace(store));
    const front = stack.use(await startAccessPlace(store, { cameras: [], site: true }));
    const fleet = stack.adopt(fastify({ forceCloseConnections: true }), (app) => app.close());
    const place = new SitePlace(stack.move(), store, front, south);
    place.#answer(fleet);
    await fleet.listen({ path: fleetSocketPath(front.place.directory) });
    return place;
  }

  get nodes(): SiteView['nodes'] { return this.#nodes; }
  set nodes(nodes: SiteView['nodes']) {
    this.#nodes = nodes;
    this.#revision++;
  }

  /** Something that ends with the site. */
  use<T extends AsyncDisposable>(one: T): T { return this.#stack.use(one); }

  async [Symbol.asyncDispose](): Promise<void> { await this.#stack.disposeAsync(); }

  #answer(fleet: FastifyInstance): void {
    fleet.get<{ Querystring: { known?: string } }>('/v1/site', ({ query }, reply) => (Number(query.known) === this.#revision ? reply.code(204).send() : { revision: this.#revision, node: 'north', nodes: this.#nodes, cameras: this.cameras }));
    fleet.all<{ Params: { '*': string } }>('/v1/site/cameras*', ({ method, url, body }, reply) => {
      const camera: NodeCamera = { config: { id: 'yard', url: 'rtsp://***@127.0.0.1' }, has_credentials: true, managed: true, subscriptions: [], scene: {}, rules: [], shared_rules: [], site: { revision: 7, node: 'south', refused: null, credentials: 'sealed' } };
      if (this.unasked !== '') return reply.code(503).send({ error: this.unasked, error_code: 'unreachable' } satisfies ErrorBody);
      if (method !== 'GET') this.changes.push({ method, path: url, body: body ?? null });
      return method === 'DELETE' ? reply.code(204).send() : reply.code(method === 'POST' ? 201 : 200).send(url.endsWith('/cameras') && method === 'GET' ? [camera] : camera);
    });
    fleet.get('/v1/site/nodes', (_request, reply): SiteNodesDetails => (this.unasked === '' ? { south: SOUTH } : reply.code(503).send({ error: this.unasked, error_code: 'unreachable' } satisfies ErrorBody) as never));
    fleet.patch<{ Params: { id: string } }>('/v1/site/nodes/:id', ({ url, params: { id }, body }, reply) => {
      if (this.unasked !== '' || !(id in this.#nodes)) return reply.code(this.unasked === '' ? 404 : 503).send({ error: this.unasked, error_code: this.unasked === '' ? 'not_found' : 'unreachable' } satisfies ErrorBody);
      this.changes.push({ method: 'PATCH', path: url, body });
      return reply.code(204).send();
    });
  }
}
