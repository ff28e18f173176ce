// The nodes of a site, looked at and drained from any of its servers.
import { assertId, ErrorBody, RuthError, SiteInfo, SiteNodeChange } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import { identityOf, type Audit } from '../access/index.ts';
import { checksBody } from '../request-body.ts';
import type { NodesOfSite } from '../site/index.ts';

/** `problem`: why there is no more than this node, where there should be. */
export function addSite(app: FastifyInstance, nodes: NodesOfSite | null, problem: string | null, audit: Audit): void {
  app.get('/api/v1/site', { schema: { response: { 200: SiteInfo, default: ErrorBody } } }, async (request): Promise<SiteInfo> => (nodes ? nodes.info(request) : { node: null, nodes: [], problem }));
  app.patch<{ Params: { id: string }; Body: SiteNodeChange }>('/api/v1/site/nodes/:id', checksBody(SiteNodeChange, { response: { default: ErrorBody } }), async (request, reply) => {
    const { params: { id }, body: { draining } } = request;
    if (!nodes) throw new RuthError('invalid_state', problem ?? 'this node is by itself: ruth.yaml has no site');
    await nodes.setDraining(assertId(id, 'node'), draining);
    audit.note(identityOf(request), { action: draining ? 'drained a node' : 'gave a node cameras again', detail: id, address: request.ip });
    return reply.code(204).send();
  });
}
