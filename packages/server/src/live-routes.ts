// The WebSockets: what happens, as it happens, and live video of a camera.
import { LiveQuery, LiveStreamQuery, RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { identityOf, maySee } from './access/index.ts';
import type { LiveHub } from './events/live-hub.ts';
import { proxyLive } from './live-proxy.ts';
import { closingFor, type LiveSource } from './live-source.ts';
import { addPipes } from './site/pipe-routes.ts';
import type { SiteParts } from './site/index.ts';
import type { Upstream } from './upstream.ts';

type KeepAllowed = (request: FastifyRequest, socket: WebSocket, camera: string | null) => void;

export function addLive(app: FastifyInstance, kernel: Upstream, site: SiteParts | null, hub: LiveHub, keep: KeepAllowed): void {
  const counters = { opened: 0, pauses: 0, disconnectedSlow: 0 };
  app.get<{ Querystring: LiveQuery }>('/api/v1/live', { websocket: true, schema: { querystring: LiveQuery } }, (socket, request) => {
    keep(request, socket, null);
    const { core_after: core, kernel_after: kernelId, node_after: nodes = [], camera } = request.query;
    const wanted = camera === undefined ? null : new Set([camera].flat());
    const mayHave = (cameraId: string): boolean => (wanted === null || wanted.has(cameraId)) && maySee(identityOf(request), cameraId);
    const others = [nodes].flat().map((text): [string, number] => [`${text.slice(0, text.indexOf(':'))}/core`, Number(text.slice(text.indexOf(':') + 1))]);
    const client = hub.add(socket, mayHave, { ...(core !== undefined && { core }), ...(kernelId !== undefined && { kernel: kernelId }), ...Object.fromEntries(others) });
    if (client) site?.live.follow(socket, client, request, mayHave);
  });
  for (const way of ['live', 'webrtc']) {
    app.get<{ Params: { id: string }; Querystring: LiveStreamQuery }>(`/api/v1/cameras/:id/${way}`, { websocket: true, ...(way === 'live' && { schema: { querystring: LiveStreamQuery } }) }, async (socket, request) => {
      keep(request, socket, request.params.id);
      const stream = way === 'live' ? request.query.stream ?? 'main' : 'main';
      const own: LiveSource = { address: `ws+unix:${kernel.socketPath}:/v1/cameras/${request.params.id}/${way}${stream === 'main' ? '' : `?stream=${stream}`}`, name: 'the kernel' };
      if (!site || !request.elsewhere) return proxyLive(socket, own, counters);
      try {
        if (way === 'live') return site.mse.add(socket, { camera: request.params.id, stream }, request.elsewhere, request);
        // What the page says meanwhile waits in its socket.
        socket.pause();
        proxyLive(socket, await site.pipes.sourceFor(socket, request.params.id, request.elsewhere, request), counters);
      } catch (cause) {
        socket.resume();
        socket.close(...closingFor(RuthError.from(cause)));
      }
    });
  }
  addPipes(app, kernel, site, keep);
}
