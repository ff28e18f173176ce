// Who may see a camera. Every way of seeing one, live or recorded, asks here before anything else happens.
import { assertId } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';

/** Returns where the asker may see the camera; throws `unauthorized` or `forbidden` where not. */
export type AuthorizeView = (request: FastifyRequest, cameraId: string) => Promise<void>;

/** A preHandler for routes with the parameter `id`. Without `authorize` whoever reaches the server may see every camera. Throws also `invalid_id`. */
export function viewGuard(authorize: AuthorizeView | undefined): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const { id } = request.params as { id: string };
    assertId(id, 'camera');
    await authorize?.(request, id);
  };
}
