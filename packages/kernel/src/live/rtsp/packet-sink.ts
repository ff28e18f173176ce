// Where a session's packets go: into the RTSP connection itself (interleaved, RFC 2326 10.12), or over UDP (see UdpPorts).
import type { Socket } from 'node:net';

export interface PacketSink extends Disposable {
  /** Bytes accepted but not yet with the network. */
  readonly bufferedBytes: number;
  sendRtp(packets: readonly Buffer[]): void;
  sendRtcp(packet: Buffer): void;
}

export class InterleavedSink implements PacketSink {
  readonly #socket: Socket;
  readonly #rtpChannel: number;
  readonly #rtcpChannel: number;

  constructor(socket: Socket, rtpChannel: number, rtcpChannel: number) {
    this.#socket = socket;
    this.#rtpChannel = rtpChannel;
    this.#rtcpChannel = rtcpChannel;
  }

  get bufferedBytes(): number { return this.#socket.writableLength; }

  sendRtp(packets: readonly Buffer[]): void {
    if (!this.#socket.writable) return;
    this.#socket.write(Buffer.concat(packets.flatMap((packet) => [frameHeader(this.#rtpChannel, packet), packet])));
  }

  sendRtcp(packet: Buffer): void {
    if (this.#socket.writable) this.#socket.write(Buffer.concat([frameHeader(this.#rtcpChannel, packet), packet]));
  }

  [Symbol.dispose](): void {
    // The connection closes its socket.
  }
}

function frameHeader(channel: number, packet: Buffer): Buffer {
  return Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]);
}
