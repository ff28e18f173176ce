// What a camera's tile says in place of, or over, its picture.
import { ERRORS, type CameraStatus } from '@ruth/protocol';
import type { LivePhase } from '../live/live-path.ts';
import { SERVER_UNREACHABLE, type Failure } from '../system/api.ts';

export type TileState = 'live' | 'opening' | 'connecting' | 'stalled' | 'down' | 'offline' | 'unplayable';

export interface TileCondition {
  readonly state: TileState;
  /** One word for the badge. */
  readonly badge: string;
  /** Null where the picture speaks for itself. */
  readonly message: { readonly title: string; readonly text: string | null; readonly advice: string | null } | null;
}

/** `failure`: why nothing could be learnt of the cameras just now; null where the kernel answered. */
export function tileCondition(camera: CameraStatus, failure: Failure | null, phase: LivePhase): TileCondition {
  // A picture that plays is better evidence than an answer that is late.
  if (failure && phase.name !== 'playing') {
    const part = failure.code === SERVER_UNREACHABLE ? 'server' : 'kernel';
    return { state: 'offline', badge: 'Offline', message: { title: `The ${part} does not answer`, text: 'No live video until it is back. This page keeps trying.', advice: null } };
  }
  if (failure) return { state: 'live', badge: 'Live', message: null };
  const reason = camera.last_error;
  const advice = adviceFor(reason);
  switch (camera.state) {
    case 'down': return { state: 'down', badge: 'Down', message: { title: 'Camera is down', text: reason?.message ?? null, advice } };
    case 'stalled': return { state: 'stalled', badge: 'Stalled', message: { title: 'No pictures are coming', text: reason?.message ?? null, advice: advice ?? ERRORS.camera_stalled.advice } };
    case 'connecting': return { state: 'connecting', badge: 'Connecting', message: { title: 'Connecting to the camera', text: reason?.message ?? null, advice: reason ? advice : null } };
    case 'streaming': break;
  }
  switch (phase.name) {
    case 'playing': return { state: 'live', badge: 'Live', message: null };
    case 'unplayable': return { state: 'unplayable', badge: 'No picture', message: {
      title: `This browser cannot play ${codecName(camera.codec)}`, text: 'The camera itself is fine, and its models go on looking.',
      advice: 'Use a browser or machine that decodes it, or choose an H.264 stream of the camera.',
    } };
    case 'retrying': return { state: 'opening', badge: 'Opening', message: { title: 'Opening live video', text: phase.reason, advice: null } };
    default: return { state: 'opening', badge: 'Opening', message: { title: 'Opening live video', text: null, advice: null } };
  }
}

/** What to do about a camera's trouble. An address that may not be reached says itself which setting allows it: permission of a person's is none of it. */
/** Of some codes the general advice tells nothing that is of use at a camera. */
export function adviceFor(reason: CameraStatus['last_error']): string | null {
  return reason && reason.code in ERRORS && reason.code !== 'forbidden' && reason.code !== 'invalid_state' ? ERRORS[reason.code as keyof typeof ERRORS].advice : null;
}

export function codecName(codec: string | null): string {
  const names: Record<string, string> = { h264: 'H.264', hevc: 'H.265', h265: 'H.265' };
  return codec === null ? 'this video' : names[codec] ?? codec;
}
