// The decoder hardware of this machine, where it is wanted and there. What is missing or fails is told once, and software
// decodes from then on.
import type { Settings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { AV_HWDEVICE_TYPE_CUDA, AV_HWDEVICE_TYPE_VAAPI } from 'node-av/constants';
import { FFmpegError, HardwareDeviceContext } from 'node-av/lib';

const TYPES = { cuda: AV_HWDEVICE_TYPE_CUDA, vaapi: AV_HWDEVICE_TYPE_VAAPI } as const;
export type HardwareKind = keyof typeof TYPES;

export class DecoderHardware implements Disposable {
  readonly #kinds: readonly HardwareKind[];
  readonly #logger: Logger;
  /** Undefined while nobody asked; null where there is none. */
  #device: { readonly kind: HardwareKind; readonly context: HardwareDeviceContext } | null | undefined;

  constructor(wanted: Settings['decoding']['hardware'], logger: Logger) {
    this.#kinds = wanted === 'none' ? [] : wanted === 'auto' ? ['cuda', 'vaapi'] : [wanted];
    this.#logger = logger;
  }

  /** Looked for when first asked; null where software must decode. */
  device(): { readonly kind: HardwareKind; readonly context: HardwareDeviceContext } | null {
    return this.#device ??= this.#device === null ? null : this.#open();
  }

  giveUp(reason: string): void {
    if (!this.#device) return;
    this.#logger.warn({ hardware: this.#device.kind, reason }, 'decoder hardware fails: software decodes from now on');
    this.#free();
  }

  [Symbol.dispose](): void { this.#free(); }

  #free(): void {
    this.#device?.context.free();
    this.#device = null;
  }

  #open(): { readonly kind: HardwareKind; readonly context: HardwareDeviceContext } | null {
    const missing: string[] = [];
    for (const kind of this.#kinds) {
      const context = new HardwareDeviceContext();
      const status = context.create(TYPES[kind]);
      if (status >= 0) {
        this.#logger.info({ hardware: kind }, 'decoder hardware found');
        return { kind, context };
      }
      missing.push(`${kind}: ${FFmpegError.strerror(status)}`);
    }
    if (this.#kinds.length > 0) this.#logger.warn({ missing }, 'no decoder hardware: software decodes');
    return null;
  }
}
