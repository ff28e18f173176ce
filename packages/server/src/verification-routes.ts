// Looking into the recordings, which the kernel does in the background. Whoever may see only some cameras looks into those, and learns only of
// what was looked into for those.
import { ErrorBody, RuthError, validator, Verification, VerificationRequest } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { assertMaySee, identityOf, maySee, type Audit, type Identity } from './access/index.ts';
import { checksBody } from './request-body.ts';
import type { Upstream } from './upstream.ts';

const Verifications = Type.Array(Verification);
const [verification, verifications] = [validator(Verification), validator(Verifications)];
interface ById { Params: { id: string } }

export function addVerifications(app: FastifyInstance, kernel: Upstream, audit: Audit): void {
  /** Throws `not_found` also where it is of a camera that may not be seen. */
  const find = async (identity: Identity, id: string): Promise<Verification> => {
    const found = await kernel.get(`/v1/verifications/${encodeURIComponent(id)}`, verification);
    if (!isOwn(identity, found)) throw new RuthError('not_found', `there is no verification ${id}`);
    return found;
  };
  app.get('/api/v1/verifications', { schema: { response: { 200: Verifications, default: ErrorBody } } }, async (request) => (await kernel.get('/v1/verifications', verifications)).filter((one) => isOwn(identityOf(request), one)));
  app.post<{ Body: VerificationRequest }>('/api/v1/verifications', checksBody(VerificationRequest, { response: { 202: Verification, default: ErrorBody } }), async (request, reply) => {
    const identity = identityOf(request);
    for (const camera of request.body.cameras ?? []) assertMaySee(identity, camera);
    const cameras = request.body.cameras ?? (identity.cameras && [...identity.cameras]);
    if (cameras?.length === 0) throw new RuthError('forbidden', `${identity.name} may not see any camera`);
    const begun = await kernel.send('POST', '/v1/verifications', { ...request.body, ...(cameras && { cameras }) }, verification);
    audit.note(identity, { action: 'verified recordings', detail: cameras === null ? 'of all cameras' : cameras.join(', ').slice(0, 500), address: request.ip });
    return reply.code(202).send(begun);
  });
  app.get<ById>('/api/v1/verifications/:id', { schema: { response: { 200: Verification, default: ErrorBody } } }, (request) => find(identityOf(request), request.params.id));
  app.delete<ById>('/api/v1/verifications/:id', async (request, reply) => {
    const { verification_id: id } = await find(identityOf(request), request.params.id);
    await kernel.send('DELETE', `/v1/verifications/${encodeURIComponent(id)}`, null, null);
    audit.note(identityOf(request), { action: 'ended a verification', detail: id, address: request.ip });
    return reply.code(204).send();
  });
}

const isOwn = (identity: Identity, { cameras }: Verification): boolean => (cameras === null ? identity.cameras === null : cameras.every((camera) => maySee(identity, camera)));
