// What the kernel and the process that turns a camera tell each other over its IPC channel.
import type { CameraAddresses, PtzRequest, PtzStatus } from '@ruth/protocol';

/** Credentials go this way only, never through arguments or environment. */
export interface OnvifTarget {
  /** Without credentials. */
  readonly url: string;
  readonly user: string | null;
  readonly password: string | null;
  /** Where cameras may be. */
  readonly addresses: CameraAddresses;
}

export type ToPtz =
  /** The first message. */
  | { readonly type: 'target'; readonly target: OnvifTarget }
  | { readonly type: 'turn'; readonly id: number; readonly request: PtzRequest }
  | { readonly type: 'presets'; readonly id: number };

export type FromPtz =
  | { readonly type: 'done'; readonly id: number; readonly status: PtzStatus | null }
  | { readonly type: 'failed'; readonly id: number; readonly code: string; readonly message: string };
