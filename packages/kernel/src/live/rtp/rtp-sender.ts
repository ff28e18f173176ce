// RTP packets to one port of this machine, over one UDP socket for RTP and RTCP. They leave in small slices: a keyframe sent in
// one go overruns the receiver's socket buffer. What waits is bounded; whether there is room is asked before.
import { createSocket, type Socket } from 'node:dgram';

const SLICE_PACKETS = 16;
const SLICE_INTERVAL_MS = 1;
const MAX_WAITING_BYTES = 8 << 20;
const SOCKET_BUFFER_BYTES = 4 << 20;

export class RtpSender implements Disposable {
  readonly #socket: Socket;
  #waiting: Buffer[] = [];
  #next = 0;
  #waitingBytes = 0;
  #connected = false;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;

  /** Packets sent, and packets that the system did not take. */
  readonly counters = { sent: 0, failed: 0 };

  constructor({ host, port }: { readonly host: string; readonly port: number }) {
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    // The receiver may be gone: the kernel learns that by itself and says where else to send.
    this.#socket.on('error', () => { this.counters.failed++; });
    this.#socket.connect(port, host, () => {
      if (this.#closed) return;
      this.#socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
      this.#connected = true;
      this.#sendSlice();
    });
  }

  get full(): boolean { return this.#waitingBytes > MAX_WAITING_BYTES; }

  send(packets: readonly Buffer[]): void {
    for (const packet of packets) {
      this.#waiting.push(packet);
      this.#waitingBytes += packet.length;
    }
    if (this.#timer === null) this.#sendSlice();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#socket.close();
  }

  #sendSlice(): void {
    this.#timer = null;
    if (!this.#connected || this.#closed) return;
    const end = Math.min(this.#waiting.length, this.#next + SLICE_PACKETS);
    for (; this.#next < end; this.#next++) {
      const packet = this.#waiting[this.#next]!;
      this.#waitingBytes -= packet.length;
      this.#socket.send(packet, this.#onSent);
    }
    if (this.#next < this.#waiting.length) {
      this.#timer = setTimeout(() => this.#sendSlice(), SLICE_INTERVAL_MS);
      return;
    }
    this.#waiting = [];
    this.#next = 0;
  }

  readonly #onSent = (error: Error | null): void => {
    if (error) this.counters.failed++;
    else this.counters.sent++;
  };
}
