// Pipes between nodes, as their servers ask each other for them. A viewer's own credentials come along; where pictures are sent to is never said by who asks.
import { PipeQuery, RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { identityOf, maySee } from '../access/index.ts';
import { keepAlive } from '../keep-alive.ts';
import { proxyLive, type LiveProxyCounters } from '../live-proxy.ts';
import { closingFor } from '../live-source.ts';
import type { Upstream } from '../upstream.ts';
import type { SiteParts } from './index.ts';

const PING_EVERY_MS = 4000;
const NO_SITE = 'this node is by itself, or its store is its own: there are no pipes';

export function addPipes(app: FastifyInstance, kernel: Upstream, site: SiteParts | null, keep: (request: FastifyRequest, socket: WebSocket, camera: string) => void): void {
  const counters: LiveProxyCounters = { opened: 0, pauses: 0, disconnectedSlow: 0 };
  app.get<{ Params: { id: string } }>('/api/v1/pipes/:id', async (request) => {
    if (!site) throw new RuthError('not_found', NO_SITE);
    const listener = site.pipes.listenerOf(request.params.id);
    if (!maySee(identityOf(request), listener.camera_id)) throw new RuthError('not_found', 'this node has no such pipe');
    return listener;
  });
  app.get<{ Params: { id: string }; Querystring: PipeQuery }>('/api/v1/cameras/:id/pipe', { websocket: true, schema: { querystring: PipeQuery } }, async (socket, request) => {
    const { params: { id }, query } = request;
    keep(request, socket, id);
    keepAlive(socket, PING_EVERY_MS);
    // What it says meanwhile waits in its socket.
    socket.pause();
    try {
      if (!site) throw new RuthError('not_found', NO_SITE);
      const { address, port } = await site.pipes.askedBy(id, query, request);
      proxyLive(socket, { address: `ws+unix:${kernel.socketPath}:/v1/cameras/${id}/pipe?address=${encodeURIComponent(address)}&port=${port}`, name: 'the kernel' }, counters);
    } catch (cause) {
      socket.resume();
      socket.close(...closingFor(RuthError.from(cause)));
    }
  });
}
