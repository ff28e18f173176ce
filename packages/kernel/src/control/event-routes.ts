// GET /v1/events: the kernel's own ordered stream, as server-sent events. `Last-Event-ID` resumes it.
import { RuthError, type KernelEvent } from '@ruth/protocol';
import { streamEvents, type EventLog } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';

const MAX_CONSUMERS = 64;
const EVENT_ID = /^\d{1,16}$/;

export interface EventfulKernel {
  readonly events: EventLog<KernelEvent>;
}

export function addEventRoutes(routes: FastifyInstance, kernel: EventfulKernel): void {
  const stop = new AbortController();
  let consumers = 0;
  routes.addHook('preClose', async () => stop.abort());
  routes.get('/v1/events', async (request, reply) => {
    const asked = request.headers['last-event-id'];
    if (asked !== undefined && !EVENT_ID.test(String(asked))) throw new RuthError('bad_request', 'Last-Event-ID is not an id of an event');
    if (consumers >= MAX_CONSUMERS) throw new RuthError('overloaded', `${consumers} consumers follow the events already`);
    consumers++;
    reply.hijack();
    try {
      await streamEvents(kernel.events, asked === undefined ? kernel.events.newestId : Number(asked), reply.raw, stop.signal);
    } finally {
      consumers--;
    }
  });
}
