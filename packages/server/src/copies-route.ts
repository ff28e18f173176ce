// GET /api/v1/copies: how far the copies of what is kept are, as the copier tells it.
import { CopiesStatus, ErrorBody, RuthError, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import type { Upstream } from './upstream.ts';

const copiesStatus = validator(CopiesStatus);

/** Null: ruth.yaml has no `copies`. */
export function addCopies(app: FastifyInstance, copier: Upstream | null): void {
  app.addHook('onClose', () => copier?.[Symbol.asyncDispose]());
  app.get('/api/v1/copies', { schema: { response: { 200: CopiesStatus, default: ErrorBody } } }, async () => {
    if (copier === null) throw new RuthError('not_found', 'ruth.yaml has no copies: what is kept lies on this node alone');
    return copier.get('/v1/copies', copiesStatus);
  });
}
