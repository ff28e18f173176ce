// Stand-ins at core's edges that speak the real protocols: a kernel over HTTP, a container over a Unix socket, and a
// place of their own for sockets and rings.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelSocketPath, modelSocketPath, ringPath, type InferRequest, type LeaseGrant, type LeaseRequest } from '@ruth/protocol';
import { createLogger, IpcServer, type Logger, RingWriter } from '@ruth/transport';
import { answerTo } from './mock-endpoint.ts';

export const silent: Logger = createLogger('test', 'silent');

export class Place implements AsyncDisposable {
  readonly socketDirectory: string;
  readonly ringDirectory: string;

  private constructor(socketDirectory: string, ringDirectory: string) {
    this.socketDirectory = socketDirectory;
    this.ringDirectory = ringDirectory;
  }

  /** Not there until something is kept in it. */
  get dataDirectory(): string { return join(this.socketDirectory, 'data'); }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'ruth-core-')), await mkdtemp('/dev/shm/ruth-test-'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.socketDirectory, this.ringDirectory].map((path) => rm(path, { recursive: true, force: true })));
  }
}

/** Grants every lease, and remembers what was asked. */
export class StandInKernel implements AsyncDisposable {
  readonly leases = new Map<string, LeaseRequest>();
  puts = 0;
  cameraState: LeaseGrant['camera_state'] = 'streaming';
  readonly #place: Place;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #changed = Promise.withResolvers<void>();

  private constructor(place: Place) {
    this.#place = place;
  }

  static async start(place: Place): Promise<StandInKernel> {
    const kernel = new StandInKernel(place);
    kernel.#server.listen(kernelSocketPath(place.socketDirectory));
    await once(kernel.#server, 'listening');
    return kernel;
  }

  /** Resolves after a request that makes `condition` true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const leaseId = request.url!.slice('/v1/leases/'.length);
    const text = Buffer.concat(await request.toArray() as Buffer[]).toString();
    if (request.method === 'DELETE') {
      this.leases.delete(leaseId);
      response.writeHead(204).end();
    } else {
      const lease = JSON.parse(text) as LeaseRequest;
      this.leases.set(leaseId, lease);
      this.puts++;
      const grant: LeaseGrant = { ...lease, lease_id: leaseId, frame_reference: ringPath(lease.camera_id, this.#place.ringDirectory), camera_state: this.cameraState };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(grant));
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** A container that answers `infer` at once; without `describe` and `health` it is an older one. */
export function standInContainer(place: Place, modelId: string, answers: { infer?: (request: InferRequest) => unknown; describe?: unknown; health?: unknown } = {}): Promise<IpcServer> {
  const { infer = (request) => answerTo(request), describe, health } = answers;
  const unknown = { model_id: modelId, camera_id: null, frame_id: null, detections: [], metadata: {}, error: 'unknown type', error_code: 'bad_request' };
  return IpcServer.listen(modelSocketPath(modelId, place.socketDirectory), {
    handle: async (message) => {
      const { type } = message as { type?: string };
      if (type === 'describe') return describe ?? unknown;
      if (type === 'health') return health ?? unknown;
      return infer(message as InferRequest);
    },
    refuse: (error) => ({ ...unknown, error: error.message }),
  });
}

export function ringOf(place: Place, cameraId: string, size: { width?: number; height?: number; slotCount?: number } = {}): RingWriter {
  return RingWriter.create({ cameraId, width: 64, height: 48, format: 'NV12', slotCount: 4, ...size, ringDirectory: place.ringDirectory });
}

/** Publishes a grey frame and returns its id. */
export function publish(ring: RingWriter, ptsUs: number, epoch = 0, capturedAtUs = Date.now() * 1000): number {
  for (const plane of ring.begin().planes) plane.fill(128);
  return ring.publish({ ptsUs, capturedAtUs, colourMatrix: 1, colourRange: 1, epoch });
}
