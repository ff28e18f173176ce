// A camera for tests that sends what it is told as fast as the connection takes it: RTSP over TCP, H.264.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

const MAX_PAYLOAD_BYTES = 60_000;

export class FloodingCamera implements AsyncDisposable {
  readonly #server: Server;
  readonly #parameterSets: readonly Buffer[];
  readonly #playing = Promise.withResolvers<Socket>();
  #sequence = 0;

  private constructor(parameterSets: readonly Buffer[]) {
    this.#parameterSets = parameterSets;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(parameterSets: readonly Buffer[]): Promise<FloodingCamera> {
    const camera = new FloodingCamera(parameterSets);
    camera.#server.listen(0, '127.0.0.1');
    await once(camera.#server, 'listening');
    return camera;
  }

  get url(): string { return `rtsp://127.0.0.1:${(this.#server.address() as AddressInfo).port}/flood`; }

  /** Resolves when the kernel has been told to expect pictures. */
  async playing(): Promise<void> { await this.#playing.promise; }

  /** One picture; waits only where the connection takes no more. */
  async send(nals: readonly Buffer[], ptsTicks: number): Promise<void> {
    const socket = await this.#playing.promise;
    const frames = nals.flatMap((nal, index) => this.#packets(nal, ptsTicks, index === nals.length - 1));
    if (!socket.write(Buffer.concat(frames))) await once(socket, 'drain');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#playing.promise.then((socket) => socket.destroy(), () => undefined);
    this.#server.close();
  }

  #packets(nal: Buffer, ptsTicks: number, last: boolean): Buffer[] {
    if (nal.length <= MAX_PAYLOAD_BYTES) return this.#frame([nal], ptsTicks, last);
    const frames: Buffer[] = [];
    for (let at = 1; at < nal.length; at += MAX_PAYLOAD_BYTES) {
      const ends = at + MAX_PAYLOAD_BYTES >= nal.length;
      const head = Buffer.from([nal[0]! & 0xe0 | 28, (at === 1 ? 0x80 : 0) | (ends ? 0x40 : 0) | nal[0]! & 0x1f]);
      frames.push(...this.#frame([head, nal.subarray(at, at + MAX_PAYLOAD_BYTES)], ptsTicks, last && ends));
    }
    return frames;
  }

  #frame(payload: readonly Buffer[], ptsTicks: number, marker: boolean): Buffer[] {
    const head = Buffer.alloc(16);
    head.set([0x24, 0]);
    head.writeUInt16BE(12 + payload.reduce((sum, { length }) => sum + length, 0), 2);
    head.set([0x80, 96 | (marker ? 0x80 : 0)], 4);
    head.writeUInt16BE(this.#sequence++ & 0xffff, 6);
    head.writeUInt32BE(ptsTicks >>> 0, 8);
    return [head, ...payload];
  }

  #serve(socket: Socket): void {
    let received = '';
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        const request = received.slice(0, end);
        received = received.slice(end + 4);
        this.#answer(socket, /^(\w+)/.exec(request)?.[1] ?? '', /^CSeq: (\d+)/m.exec(request)?.[1] ?? '0');
      }
    });
  }

  #answer(socket: Socket, method: string, sequence: string): void {
    const sets = this.#parameterSets.map((nal) => nal.toString('base64')).join(',');
    const body = method === 'DESCRIBE' ? ['v=0', 's=flood', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', `a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${sets}`, 'a=control:track1', ''].join('\r\n') : '';
    const headers = ['RTSP/1.0 200 OK', `CSeq: ${sequence}`, 'Session: 1', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1', `Content-Length: ${body.length}`];
    socket.write(`${headers.join('\r\n')}\r\n\r\n${body}`);
    if (method === 'PLAY') this.#playing.resolve(socket);
  }
}
