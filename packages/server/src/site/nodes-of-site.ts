// The nodes of the site: which live, what each gives and is used for, whether it can be asked; and which of them are drained, through the fleet process beside this server.
import { RuthError, SiteNodesDetails, validator, type SiteInfo } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Upstream } from '../upstream.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { Site } from './site.ts';

const nodesDetails = validator(SiteNodesDetails);
const NOT_HEARD = 'this node hears nothing of NATS: which nodes live, and who has which camera, is as it was heard last';
const anything = validator(Type.Unknown());
/** The fleet process waits for JetStream, and until it has heard of the change itself. */
const CHANGE_TIMEOUT_MS = 15_000;

export class NodesOfSite {
  readonly #site: Site;
  readonly #others: OtherNodes;
  readonly #fleet: Upstream;

  constructor(site: Site, others: OtherNodes, fleet: Upstream) {
    this.#site = site;
    this.#others = others;
    this.#fleet = fleet;
  }

  /** Throws `unreachable`, `timeout`. */
  details(): Promise<SiteNodesDetails> { return this.#fleet.get('/v1/site/nodes', nodesDetails); }

  /** Never throws: what could not be asked is told as that. */
  async info(request: FastifyRequest): Promise<SiteInfo> {
    const map = await this.#site.map();
    if (!map) return { node: null, nodes: [], problem: this.#site.problem };
    const { node: self, nodes, cameras } = map.view;
    const [answers, details] = await Promise.all([this.#others.all(map.others, request, '/api/v1/session', anything), this.details().catch((cause: unknown) => RuthError.from(cause))]);
    const asked = new Map(answers.map(({ node, value }) => [node.id, value]));
    const placed = new Map<string, number>();
    for (const [id, { node }] of Object.entries(cameras)) if (node !== null && map.isOfSite(id)) placed.set(node, (placed.get(node) ?? 0) + 1);
    return {
      node: self, problem: this.#site.problem ?? (details instanceof RuthError ? details.message : Object.values(nodes).every(({ state }) => state === 'unknown') ? NOT_HEARD : null),
      nodes: Object.entries(nodes).map(([id, { state, since, own }]) => {
        const answer = asked.get(id);
        const error = answer instanceof RuthError ? answer.message : null;
        return { node_id: id, state, since, reachable: error === null, error, cameras: own.length + (placed.get(id) ?? 0), own_cameras: own.length, details: details instanceof RuthError ? null : details[id] ?? null };
      }),
    };
  }

  /** Throws `not_found`, and `unreachable` where nothing was done. */
  async setDraining(id: string, draining: boolean): Promise<void> {
    try {
      await this.#fleet.send('PATCH', `/v1/site/nodes/${id}`, { draining }, null, CHANGE_TIMEOUT_MS);
    } finally {
      this.#site.forget();
    }
  }
}
