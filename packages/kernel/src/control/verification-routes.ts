// Looking into the recordings over the control API: begun, followed, cancelled.
import { assertId, validator, VerificationRequest } from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RecordingControl } from './recording-routes.ts';

const verificationRequest = validator(VerificationRequest);
const idOf = (request: FastifyRequest): string => assertId((request.params as { id: string }).id, 'verification');

export function addVerificationRoutes(routes: FastifyInstance, kernel: Pick<RecordingControl, 'playback'>): void {
  routes.get('/v1/verifications', async () => kernel.playback.recorded.verifications.list());
  routes.post('/v1/verifications', async (request, reply) => reply.code(202).send(kernel.playback.recorded.verifications.start(verificationRequest.parse(request.body))));
  routes.get('/v1/verifications/:id', async (request) => kernel.playback.recorded.verifications.status(idOf(request)));
  routes.delete('/v1/verifications/:id', async (request, reply) => {
    await kernel.playback.recorded.verifications.remove(idOf(request));
    return reply.code(204).send();
  });
}
