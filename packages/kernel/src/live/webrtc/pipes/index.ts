// Pipes of this node's kernel: cameras of its own that other nodes take, each once, and cameras of others that it serves to who watches here.
import { isId, RuthError, type LiveSettings } from '@ruth/protocol';
import type { WebSocket } from 'ws';
import type { WebRtcCamera } from '../webrtc-camera.ts';
import type { WorkerPool } from '../worker-pool.ts';
import { PipeBytes } from './pipe-bytes.ts';
import { pipeListen } from './pipe-listen.ts';
import { sendPipe, type PipeTarget } from './pipe-sender.ts';
import { PipedCamera } from './piped-camera.ts';

const MAX_PIPED = 256;

export interface PipesOptions {
  readonly pool: WorkerPool;
  readonly webrtc: NonNullable<LiveSettings['webrtc']>;
  readonly pipes: NonNullable<LiveSettings['pipes']>;
  readonly lingerMs?: number;
}

export interface PipesStatus {
  readonly sent: { readonly pipes: number; readonly bytes: number };
  readonly received: { readonly pipes: number; readonly bytes: number; readonly viewers: number };
}

export class Pipes implements Disposable {
  readonly #options: PipesOptions;
  readonly #piped = new Map<string, PipedCamera>();
  readonly #sent = new PipeBytes();
  readonly #received = new PipeBytes();

  constructor(options: PipesOptions) { this.#options = options; }

  /** A camera of this node, to another one. `to` is what that one's own server says. */
  send(socket: WebSocket, camera: WebRtcCamera, to: PipeTarget): void {
    sendPipe(socket, { camera, to, bytes: this.#sent, listen: () => this.#listen(to.address) });
  }

  /** A camera of the node that is reached at `toward`. Throws `conflict` where there is a pipe of it, `overloaded`. */
  receive(socket: WebSocket, cameraId: string, toward: string): void {
    if (!isId(cameraId)) throw new RuthError('invalid_id', 'not the id of a camera');
    if (this.#piped.has(cameraId)) throw new RuthError('conflict', `${cameraId} comes over a pipe already`);
    if (this.#piped.size >= MAX_PIPED) throw new RuthError('overloaded', `${MAX_PIPED} cameras come over pipes already`);
    const { pool, lingerMs } = this.#options;
    this.#piped.set(cameraId, new PipedCamera(socket, {
      cameraId, pool, bytes: this.#received, listen: () => this.#listen(toward), onEnd: () => this.#piped.delete(cameraId), ...(lingerMs === undefined ? {} : { lingerMs }),
    }));
  }

  /** Throws `camera_not_found` where none comes. */
  camera(cameraId: string): WebRtcCamera {
    const camera = this.#piped.get(cameraId)?.webrtc;
    if (!camera) throw new RuthError('camera_not_found', `${cameraId.slice(0, 64)} does not come over a pipe`);
    return camera;
  }

  async status(): Promise<PipesStatus> {
    const viewers = [...this.#piped.values()].reduce((sum, { webrtc }) => sum + (webrtc?.viewers ?? 0), 0);
    return { sent: { pipes: this.#sent.pipes, bytes: await this.#sent.total() }, received: { pipes: this.#received.pipes, bytes: await this.#received.total(), viewers } };
  }

  [Symbol.dispose](): void { for (const camera of this.#piped.values()) camera.close(); }

  #listen(toward: string): ReturnType<typeof pipeListen> { return pipeListen({ webrtc: this.#options.webrtc, ports: this.#options.pipes.ports }, toward); }
}
