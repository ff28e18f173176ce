// Decodes the pictures of one stream, on hardware where there is some: whatever decodes, the pictures come out in memory.
import { Frame, type CodecContext, type Packet } from 'node-av/lib';
import { openDecoder } from '../media/format-probe.ts';
import type { StreamFormat } from '../media/media-packet.ts';
import type { DecoderHardware, HardwareKind } from './decoder-hardware.ts';

/** A damaged picture is the camera's fault; as many in a row are the hardware's. */
const MAX_FAILURES = 5;

export class PictureDecoder implements Disposable {
  readonly #context: CodecContext;
  readonly #hardware: HardwareKind | null;
  /** Where hardware leaves a picture before it is fetched. */
  readonly #remote: Frame | null;
  #failures = 0;
  /** FFmpeg found that the hardware does not take this stream, and decodes it itself. */
  #inMemory = false;

  private constructor(context: CodecContext, hardware: HardwareKind | null) {
    this.#context = context;
    this.#hardware = hardware;
    this.#remote = hardware === null ? null : new Frame();
    this.#remote?.alloc();
  }

  /** Throws `stream_corrupt`, `internal`. */
  static async open({ codec, parameterSets }: StreamFormat, hardware: DecoderHardware): Promise<PictureDecoder> {
    const device = hardware.device();
    return new PictureDecoder(await openDecoder(codec, parameterSets, device?.context), device?.kind ?? null);
  }

  get kind(): HardwareKind | 'software' { return this.#inMemory ? 'software' : this.#hardware ?? 'software'; }

  /** False where the hardware fails again and again: another decoder is needed. */
  get usable(): boolean { return this.#failures < MAX_FAILURES; }

  /** Null: give out what is still held. Returns whether it was taken. */
  async send(packet: Packet | null): Promise<boolean> {
    const status = await this.#context.sendPacket(packet);
    if (status < 0 && this.#hardware !== null && packet !== null) this.#failures++;
    return status >= 0 || packet === null;
  }

  /** Fetches the next picture into `frame`; false where there is none yet. */
  async receive(frame: Frame): Promise<boolean> {
    // With one thread the picture was decoded by `send`; this only fetches it.
    if (this.#remote === null) return this.#context.receiveFrameSync(frame) >= 0;
    while (this.#context.receiveFrameSync(this.#remote) >= 0) {
      try {
        this.#inMemory = !this.#remote.isHwFrame();
        const fetched = this.#inMemory ? frame.ref(this.#remote) : await this.#fetch(frame, this.#remote);
        if (fetched >= 0) {
          this.#failures = 0;
          return true;
        }
        this.#failures++;
      } finally {
        this.#remote.unref();
      }
    }
    return false;
  }

  flush(): void { this.#context.flushBuffers(); }

  [Symbol.dispose](): void {
    this.#context.freeContext();
    this.#remote?.free();
  }

  async #fetch(frame: Frame, remote: Frame): Promise<number> {
    const status = await remote.hwframeTransferData(frame);
    return status < 0 ? status : frame.copyProps(remote);
  }
}
