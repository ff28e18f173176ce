// Asks the kernel for frames, over connections that are kept. Every answer is checked.
import { Agent } from 'node:http';
import { LeaseGrant, RuthError, validator, type LeaseRequest } from '@ruth/protocol';
import { ask } from '@ruth/transport';

const ANSWER_TIMEOUT_MS = 2000;
const CONNECTIONS = 4;
const leaseGrant = validator(LeaseGrant);

export class KernelClient implements AsyncDisposable {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Takes or renews a lease. Throws what the kernel answered, what `ask` throws, or `internal` where it answers nonsense. */
  async putLease(leaseId: string, request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant> {
    const grant = await ask(this.#socketPath, 'PUT', `/v1/leases/${leaseId}`, request, { timeoutMs: ANSWER_TIMEOUT_MS, agent: this.#agent, signal });
    if (!leaseGrant.check(grant) || grant.camera_id !== request.camera_id) throw new RuthError('internal', 'the kernel answered a lease against the contract');
    return grant;
  }

  /** One that is unknown has ended already. */
  async deleteLease(leaseId: string): Promise<void> {
    await ask(this.#socketPath, 'DELETE', `/v1/leases/${leaseId}`, undefined, { timeoutMs: ANSWER_TIMEOUT_MS, agent: this.#agent }).catch((cause: unknown) => {
      if (RuthError.from(cause).httpStatus !== 404) throw cause;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}
