// The server's pair of UDP ports: RTP leaves through the even one, RTCP comes and goes through the odd one above it.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { RuthError } from '@ruth/protocol';
import type { PacketSink } from './packet-sink.ts';

const ATTEMPTS = 20;
/** Packets leave in small batches: a keyframe sent in one go overruns the receiver's socket buffer. */
const BATCH_PACKETS = 16;
const BATCH_INTERVAL_MS = 1;

export class UdpPorts implements Disposable {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #heard = new Map<string, () => void>();

  private constructor(rtp: Socket, rtcp: Socket) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.rtpPort = rtp.address().port;
    this.rtcpPort = rtcp.address().port;
    // Sending to a client that has gone may report an error here; its connection tells the rest.
    for (const socket of [rtp, rtcp]) socket.on('error', () => undefined).unref();
    rtcp.on('message', (_, from) => this.#heard.get(`${from.address} ${from.port}`)?.());
  }

  /** Binds a pair on `host`. Throws `unreachable` where none is free. */
  static async bind(host: string, family: 'udp4' | 'udp6'): Promise<UdpPorts> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const first = await bound(host, family, 0);
      if (!first) continue;
      const port = first.address().port;
      const second = await bound(host, family, port ^ 1);
      if (second) return port % 2 === 0 ? new UdpPorts(first, second) : new UdpPorts(second, first);
      first.close();
    }
    throw new RuthError('unreachable', `no pair of UDP ports is free on ${host}`);
  }

  /** A sink to the client's two ports; `onHeard` is called for each RTCP packet from there. */
  open(address: string, client: { rtpPort: number; rtcpPort: number }, onHeard: () => void): PacketSink {
    const key = `${address} ${client.rtcpPort}`;
    this.#heard.set(key, onHeard);
    return new UdpSink(this.#rtp, this.#rtcp, address, client, () => {
      if (this.#heard.get(key) === onHeard) this.#heard.delete(key);
    });
  }

  [Symbol.dispose](): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

class UdpSink implements PacketSink {
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #address: string;
  readonly #client: { rtpPort: number; rtcpPort: number };
  readonly #onClose: () => void;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(rtp: Socket, rtcp: Socket, address: string, client: { rtpPort: number; rtcpPort: number }, onClose: () => void) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#address = address;
    this.#client = client;
    this.#onClose = onClose;
  }

  get bufferedBytes(): number { return this.#queuedBytes; }

  sendRtp(packets: readonly Buffer[]): void {
    for (const packet of packets) this.#queuedBytes += packet.length;
    this.#queue.push(...packets);
    if (!this.#timer) this.#sendBatch();
  }

  sendRtcp(packet: Buffer): void {
    if (!this.#closed) this.#rtcp.send(packet, this.#client.rtcpPort, this.#address, () => undefined);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#queue = [];
    this.#onClose();
  }

  #sendBatch(): void {
    this.#timer = null;
    for (const packet of this.#queue.splice(0, BATCH_PACKETS)) {
      this.#queuedBytes -= packet.length;
      this.#rtp.send(packet, this.#client.rtpPort, this.#address, () => undefined);
    }
    if (this.#queue.length > 0) this.#timer = setTimeout(() => this.#sendBatch(), BATCH_INTERVAL_MS);
  }
}

async function bound(host: string, family: 'udp4' | 'udp6', port: number): Promise<Socket | null> {
  const socket = createSocket(family);
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  } catch {
    socket.close();
    return null;
  }
}
