// mediasoup with cameras that are nothing but their RTP, behind the kernel's routes on a socket of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import websocket from '@fastify/websocket';
import { RuthError } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import fastify from 'fastify';
import { addWebRtcRoutes } from '../src/control/webrtc-routes.ts';
import type { RtpTarget } from '../src/ingest/messages.ts';
import { WebRtc, type WebRtcOptions } from '../src/live/webrtc/webrtc.ts';
import type { WebRtcCamera } from '../src/live/webrtc/webrtc-camera.ts';

const logger = createLogger('kernel', 'silent');

/** A camera that is nothing but its RTP. */
export class Sender {
  target: RtpTarget | null = null;
  codec: string | null = 'h264';
  #process: ChildProcess | null = null;

  send(target: RtpTarget | null): void {
    if (JSON.stringify(target) === JSON.stringify(this.target)) return;
    this.target = target;
    this.#process?.kill('SIGKILL');
    // ffmpeg takes an SSRC as a signed number.
    this.#process = target && spawn('ffmpeg', [
      '-hide_banner', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15', '-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast', '-tune', 'zerolatency',
      '-g', '8', '-pix_fmt', 'yuv420p', '-f', 'rtp', '-payload_type', String(target.payloadType), '-ssrc', String(target.ssrc | 0), `rtp://${target.host}:${target.port}?pkt_size=1200`,
    ], { stdio: 'ignore' });
  }
}

export class Place implements AsyncDisposable {
  readonly webrtc: WebRtc;
  readonly cameras: Readonly<Record<string, { readonly sender: Sender; readonly camera: WebRtcCamera }>>;
  readonly socketPath: string;
  readonly #directory: string;
  readonly #server = fastify({ forceCloseConnections: true });

  private constructor(directory: string, ids: readonly string[], options: Partial<WebRtcOptions>) {
    this.#directory = directory;
    this.socketPath = `${directory}/kernel.sock`;
    this.webrtc = new WebRtc({ settings: { host: '127.0.0.1', port: 0, announcedAddress: null, workers: 2 }, logger, spreadAfter: 1, ...options });
    this.cameras = Object.fromEntries(ids.map((id) => {
      const sender = new Sender();
      return [id, { sender, camera: this.webrtc.camera({ cameraId: id, look: () => ({ codec: sender.codec, width: 320, height: 180, epoch: 1 }), onWanted: (target) => sender.send(target) }) }];
    }));
  }

  static async start(ids: readonly string[], options: Partial<WebRtcOptions> = {}): Promise<Place> {
    const place = new Place(await mkdtemp(`${tmpdir()}/ruth-w-`), ids, options);
    // As the kernel's own API does it.
    place.#server.setErrorHandler((error, _request, reply) => {
      const { httpStatus, code, message } = RuthError.from(error);
      void reply.code(httpStatus).send({ error: message, error_code: code });
    });
    await place.#server.register(websocket);
    const find = (id: string): WebRtcCamera => {
      const found = place.cameras[id];
      if (!found) throw new RuthError('camera_not_found', id);
      return found.camera;
    };
    addWebRtcRoutes(place.#server, { webrtc: find, whep: place.webrtc.whep }, (params) => (params as { id: string }).id);
    await place.#server.listen({ path: place.socketPath });
    return place;
  }

  /** What there is at a worker, as mediasoup itself says it. */
  get loads(): number[] { return this.webrtc.workers.map(({ load }) => load); }

  request(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.socketPath, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      });
      outgoing.on('error', reject).end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { camera, sender } of Object.values(this.cameras)) {
      camera.close();
      sender.send(null);
    }
    await this.#server.close();
    await this.webrtc[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
