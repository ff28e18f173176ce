// A camera inside mediasoup: one router with one producer, fed with RTP over loopback, and a branch for each worker and payload
// type that viewers need, joined by a pipe. Everything ends with `close`, and with the worker that carries the producer.
import { RuthError } from '@ruth/protocol';
import type { types } from 'mediasoup';
import type { RtpTarget } from '../../ingest/messages.ts';
import { routerCodec, SOURCE_PAYLOAD_TYPE, sourceParameters } from './h264.ts';
import type { PoolWorker } from './worker-pool.ts';

const LOOPBACK = '127.0.0.1';

/** Where viewers of one worker and one payload type are served. */
export interface Branch {
  readonly place: PoolWorker;
  readonly router: types.Router;
  readonly producerId: string;
  /** To be called once by each who took the branch. */
  release(): void;
}

interface SharedBranch {
  readonly opened: Promise<Pick<Branch, 'router' | 'producerId'>>;
  users: number;
}

export class CameraSource {
  readonly place: PoolWorker;
  /** Where the camera's process shall send its RTP; null for a camera of another node, which comes over a pipe. */
  readonly target: RtpTarget | null;
  readonly #router: types.Router;
  readonly #producer: types.Producer;
  readonly #branches = new Map<string, SharedBranch>();

  private constructor(place: PoolWorker, router: types.Router, producer: types.Producer, target: RtpTarget | null) {
    this.place = place;
    this.target = target;
    this.#router = router;
    this.#producer = producer;
    place.load++;
    router.observer.once('close', () => { place.load--; });
  }

  /** Throws `webrtc_unavailable` where the worker ends meanwhile. */
  static async open(place: PoolWorker): Promise<CameraSource> {
    let router: types.Router | undefined;
    try {
      router = await place.worker.createRouter({ mediaCodecs: [routerCodec()] });
      // The process of the camera is whoever sends first: the port is known to nobody else, and open on loopback alone.
      const transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: LOOPBACK }, rtcpMux: true, comedia: true });
      const ssrc = 1 + Math.floor(Math.random() * 0xffff_fffe);
      const producer = await transport.produce({ kind: 'video', rtpParameters: sourceParameters(ssrc) });
      return new CameraSource(place, router, producer, { host: LOOPBACK, port: transport.tuple.localPort, payloadType: SOURCE_PAYLOAD_TYPE, ssrc });
    } catch (cause) {
      router?.close();
      throw unavailable(cause);
    }
  }

  static ofPipe(place: PoolWorker, router: types.Router, producer: types.Producer): CameraSource { return new CameraSource(place, router, producer, null); }

  get closed(): boolean { return this.#router.closed; }

  onClose(listener: () => void): void { this.#router.observer.once('close', listener); }

  /** For viewers at `place` that want `payloadType`, or whichever mediasoup chooses. Throws `webrtc_unavailable`. */
  async branch(place: PoolWorker, payloadType?: number): Promise<Branch> {
    const key = `${place.index} ${payloadType ?? 'any'}`;
    const shared = this.#branches.get(key) ?? { opened: this.#openBranch(place, payloadType), users: 0 };
    this.#branches.set(key, shared);
    shared.users++;
    const release = (): void => {
      shared.users--;
      if (shared.users > 0 || this.#branches.get(key) !== shared) return;
      this.#branches.delete(key);
      shared.opened.then(({ router }) => { if (router !== this.#router) router.close(); }, () => undefined);
    };
    try {
      const { router, producerId } = await shared.opened;
      // It ends with its worker, but is found here until the last viewer has left.
      if (router.closed) throw new Error('the worker ended');
      return { place, router, producerId, release };
    } catch (cause) {
      release();
      throw unavailable(cause);
    }
  }

  close(): void {
    for (const { opened } of this.#branches.values()) opened.then(({ router }) => router.close(), () => undefined);
    this.#branches.clear();
    this.#router.close();
  }

  async #openBranch(place: PoolWorker, payloadType: number | undefined): Promise<Pick<Branch, 'router' | 'producerId'>> {
    if (place === this.place && payloadType === undefined) return { router: this.#router, producerId: this.#producer.id };
    const router = await place.worker.createRouter({ mediaCodecs: [routerCodec(payloadType)] });
    try {
      const { pipeProducer } = await this.#router.pipeToRouter({ producerId: this.#producer.id, router, keepId: false });
      return { router, producerId: pipeProducer!.id };
    } catch (error) {
      router.close();
      throw error;
    }
  }
}

export function unavailable(cause: unknown): RuthError {
  return cause instanceof RuthError ? cause : new RuthError('webrtc_unavailable', `mediasoup: ${(cause as Error).message}`, { cause });
}
