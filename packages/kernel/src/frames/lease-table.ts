// Who wants frames of which camera, how many a second, and until when. Pure: the clock is given, timers are the caller's.
import { RuthError, type LeaseRequest } from '@ruth/protocol';

interface Lease {
  readonly cameraId: string;
  readonly fps: number;
  readonly expiresAtMs: number;
}

const MAX_LEASES = 4096;

export class LeaseTable {
  readonly #leases = new Map<string, Lease>();
  readonly #nowMs: () => number;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) { this.#nowMs = nowMs; }

  /** Grants or renews; returns the cameras whose demand may have changed. Throws `overloaded` above 4096 leases. */
  put(leaseId: string, request: LeaseRequest): string[] {
    const before = this.#leases.get(leaseId);
    if (!before && this.#leases.size >= MAX_LEASES) throw new RuthError('overloaded', `${MAX_LEASES} leases are granted already`);
    this.#leases.set(leaseId, { cameraId: request.camera_id, fps: request.fps, expiresAtMs: this.#nowMs() + request.ttl_ms });
    return before && before.cameraId !== request.camera_id ? [before.cameraId, request.camera_id] : [request.camera_id];
  }

  /** Returns the camera whose demand may have changed, or null where no such lease is. */
  delete(leaseId: string): string | null {
    const lease = this.#leases.get(leaseId);
    this.#leases.delete(leaseId);
    return lease?.cameraId ?? null;
  }

  /** Removes what has expired; returns the cameras concerned. */
  expire(): string[] {
    const nowMs = this.#nowMs();
    const cameras = new Set<string>();
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAtMs > nowMs) continue;
      this.#leases.delete(id);
      cameras.add(lease.cameraId);
    }
    return [...cameras];
  }

  /** Frames per second that somebody wants of the camera: the highest of its leases, 0 without any. */
  demand(cameraId: string): number {
    const nowMs = this.#nowMs();
    let fps = 0;
    for (const lease of this.#leases.values()) if (lease.cameraId === cameraId && lease.expiresAtMs > nowMs) fps = Math.max(fps, lease.fps);
    return fps;
  }

  /** Until the first lease expires; null without leases. */
  get nextExpiryInMs(): number | null {
    let earliest = Infinity;
    for (const lease of this.#leases.values()) earliest = Math.min(earliest, lease.expiresAtMs);
    return earliest === Infinity ? null : Math.max(0, earliest - this.#nowMs());
  }
}
