// A span for a share of the requests: by the route's template, never by its URL, so that no id, query or token leaves with it. A `traceparent` of a stranger
// is not followed: whoever asks would decide what is traced.
import type { Telemetry } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';

export function traceRequests(app: FastifyInstance, telemetry: Telemetry): void {
  app.addHook('onResponse', async (request, reply) => {
    const { url: route } = request.routeOptions;
    // A WebSocket lasts as long as somebody looks.
    if (request.headers.upgrade !== undefined || Math.random() >= telemetry.ratio || !telemetry.admits(1)) return;
    const endMs = performance.timeOrigin + performance.now();
    const { statusCode } = reply;
    telemetry.add({
      name: route === undefined ? request.method : `${request.method} ${route}`, kind: 'server', startMs: endMs - reply.elapsedTime, endMs,
      attributes: { 'http.request.method': request.method, ...(route === undefined ? {} : { 'http.route': route }), 'http.response.status_code': statusCode, 'url.scheme': request.protocol },
      ...(statusCode < 500 ? {} : { error: `status ${statusCode}` }),
    });
  });
}
