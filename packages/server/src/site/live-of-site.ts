// Looks and events of other nodes' cameras, as they come, for one client of this server: a WebSocket to each node that has cameras which the client may see, with
// the client's own cookie or token, by which that node's server judges what it may see. What comes is taken as fast as it comes and given to the client as
// the hub gives its own: one that lags gets fewer of them but never stale ones, and holds up neither that node nor anybody else.
import { CoreEvent, KernelEvent, validator, type LiveNode, type LiveQuery } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { WebSocket } from 'ws';
import type { LiveClient, LiveStream } from '../events/live-hub.ts';
import { keepAlive } from '../keep-alive.ts';
import type { OtherNodes } from './other-nodes.ts';
import { awayError, PASSED_ON_BY, type Site, type SiteNodeInfo } from './site.ts';

/** Cameras move, and nodes come and go. */
const LOOK_EVERY_MS = 3000;
/** After a connection ended: of a node that should be there, and of one that is known to be away. */
const REST_MS = { lives: 3000, draining: 3000, unknown: 3000, away: 15_000 } as const;
const HANDSHAKE_MS = 3000;
const MOST_BYTES = 4 << 20;
/** Of all clients. */
const MOST_CONNECTIONS = 2048;
/** Of one client; who wants more names cameras. */
const MOST_NODES = 64;
const anyEvent = validator(Type.Union([...CoreEvent.anyOf, ...KernelEvent.anyOf]));

export class LiveOfSite {
  readonly counters = { connections: 0, events: 0, invalid: 0 };
  readonly #site: Site;
  readonly #others: OtherNodes;

  constructor(site: Site, others: OtherNodes) {
    this.#site = site;
    this.#others = others;
  }

  /** For as long as `socket` is open. A request that another node's server has passed on gets what is here alone. */
  follow(socket: WebSocket, client: LiveClient, request: FastifyRequest, mayHave: (cameraId: string) => boolean): void {
    if (request.headers[PASSED_ON_BY] !== undefined) return;
    const streams = new Map<string, NodeStream>();
    const look = async (): Promise<void> => {
      const map = await this.#site.map();
      const wanted = new Map((map?.camerasElsewhere() ?? []).filter(({ id }) => mayHave(id)).map(({ node }) => [node.id, node]));
      for (const [id, stream] of streams) {
        if (wanted.has(id)) continue;
        stream.end();
        streams.delete(id);
      }
      for (const [id, node] of wanted) {
        const stream = streams.get(id) ?? new NodeStream({ others: this.#others, counters: this.counters, client, request });
        streams.set(id, stream);
        if (socket.readyState === WebSocket.OPEN) stream.keep(node, streams.size > MOST_NODES ? `events of more than ${MOST_NODES} nodes at once are not told: ask for those of the cameras that you want` : null);
      }
    };
    let looking = Promise.resolve();
    const timer = setInterval(() => { looking = looking.then(look); }, LOOK_EVERY_MS);
    looking = look();
    socket.once('close', () => {
      clearInterval(timer);
      for (const stream of streams.values()) stream.end();
    });
  }
}

interface NodeStreamOptions { readonly others: OtherNodes; readonly counters: LiveOfSite['counters']; readonly client: LiveClient; readonly request: FastifyRequest }

/** The events of one node for one client. */
class NodeStream {
  readonly #options: NodeStreamOptions;
  #socket: WebSocket | null = null;
  #endedMs = -Infinity;
  /** What the client was told last. */
  #told: LiveNode['type'] | null = null;
  #error: string | null = null;
  #isEnded = false;

  constructor(options: NodeStreamOptions) { this.#options = options; }

  /** Connects where there is no connection and it is time for one; with `refusal` it is told why there is none. */
  keep(node: SiteNodeInfo, refusal: string | null): void {
    const { others, counters, client, request } = this.#options;
    if (this.#socket !== null || performance.now() - this.#endedMs < REST_MS[node.state]) return;
    try {
      if (refusal !== null || counters.connections >= MOST_CONNECTIONS) throw awayError(node, refusal ?? 'too many live connections to other nodes');
      const after = client.had(streamOf(node.id, 'core'));
      const asked = new URLSearchParams(after === undefined ? [] : [['core_after', String(after)]]);
      for (const camera of [(request.query as LiveQuery).camera ?? []].flat()) asked.append('camera', camera);
      const { address, headers = {}, ca } = others.live(node, request, `/api/v1/live?${asked.toString()}`);
      this.#connect(node, new WebSocket(address, { headers, ...(ca === undefined ? {} : { ca }), perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS, maxPayload: MOST_BYTES }));
    } catch (cause) {
      this.#endedMs = performance.now();
      this.#tell(node, (cause as Error).message);
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#socket?.terminate();
  }

  #connect(node: SiteNodeInfo, socket: WebSocket): void {
    const { counters } = this.#options;
    this.#socket = socket;
    counters.connections++;
    let why = 'the connection ended';
    socket.on('open', () => {
      keepAlive(socket);
      this.#tell(node, null);
    });
    socket.on('message', (data) => this.#receive(node.id, (data as Buffer).toString()));
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      why = response.statusCode === 401 ? 'its server does not know who asks: do all nodes have the same DATABASE_URL (and RUTH_ADMIN_TOKEN, where that is used)?' : `its server refused with status ${response.statusCode}`;
      socket.terminate();
    });
    socket.on('error', (cause) => { if (why === 'the connection ended') why = `its server cannot be reached (${(cause as NodeJS.ErrnoException).code ?? cause.message})`; });
    socket.on('close', (_code, reason) => {
      counters.connections--;
      this.#socket = null;
      this.#endedMs = performance.now();
      this.#tell(node, awayError(node, reason.length > 0 ? reason.toString() : why).message);
    });
  }

  #receive(node: string, text: string): void {
    const { client, counters } = this.#options;
    let event: unknown;
    try {
      event = JSON.parse(text);
    } catch {
      event = null;
    }
    if (!anyEvent.check(event)) {
      counters.invalid++;
      return;
    }
    counters.events++;
    client.offer({ source: streamOf(node, event.type.startsWith('recording.') ? 'kernel' : 'core'), event, text: `${text.slice(0, -1)},"node":${JSON.stringify(node)}}` });
  }

  /** Once, where it changed. */
  #tell({ id: node }: SiteNodeInfo, error: string | null): void {
    if (this.#isEnded) return;
    const type = error === null ? 'node.there' : 'node.away';
    if (this.#told === type && this.#error === error) return;
    [this.#told, this.#error] = [type, error];
    this.#options.client.tell(`node ${node}`, JSON.stringify({ type, node, at: Date.now() / 1000, error } satisfies LiveNode));
  }
}

const streamOf = (node: string, source: 'core' | 'kernel'): LiveStream => `${node}/${source}`;
