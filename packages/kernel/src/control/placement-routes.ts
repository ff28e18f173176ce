// What the site gave to this node, on the kernel's own socket: PUT by the node's agent at each renewal of its lease.
import { ClaimRequest, KeyframesRequest, PlacementLease, HoldingsRequest, validator, type ClaimResult, type KeyframesFound, type PlacementStatus, type Holdings } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';

/** What these routes change. `Kernel` has it. */
export interface PlacementControl {
  readonly status: PlacementStatus;
  place(lease: PlacementLease): Promise<PlacementStatus>;
  claim(request: ClaimRequest): Promise<ClaimResult>;
  holdings(request: HoldingsRequest): Promise<Holdings>;
  keyframes(request: KeyframesRequest): Promise<KeyframesFound>;
}

const placementLease = validator(PlacementLease);
const claimRequest = validator(ClaimRequest);
const holdingsRequest = validator(HoldingsRequest);
const keyframesRequest = validator(KeyframesRequest);
const MAX_BODY_BYTES = 4 << 20;

export function addPlacementRoutes(routes: FastifyInstance, placed: PlacementControl): void {
  routes.get('/v1/placement', async () => placed.status);
  routes.put('/v1/placement', { bodyLimit: MAX_BODY_BYTES }, async (request) => placed.place(placementLease.parse(request.body)));
  routes.post('/v1/placement/claim', async (request) => placed.claim(claimRequest.parse(request.body)));
  routes.post('/v1/placement/holdings', async (request) => placed.holdings(holdingsRequest.parse(request.body)));
  routes.post('/v1/placement/keyframes', async (request) => placed.keyframes(keyframesRequest.parse(request.body)));
}
