// Whether a camera that another program will read sends its reader elsewhere: asked at the address that was judged, before that program is.
import { RuthError } from '@ruth/protocol';
import { OPEN_LIMIT_MS, type SourceOptions } from '../packet-source.ts';
import { RtspConnection, withoutCredentials } from './rtsp-connection.ts';

/** Throws `camera_unreachable` where it does, or cannot be reached; `camera_unauthorized`, `forbidden`, `cancelled`. Whatever else it answers is left to its reader. */
export async function assertStays({ url, addresses, signal: cancel }: Pick<SourceOptions, 'url' | 'addresses' | 'signal'>): Promise<void> {
  const signal = AbortSignal.any([cancel, AbortSignal.timeout(OPEN_LIMIT_MS)]);
  try {
    using connection = await RtspConnection.open(new URL(url), { onFrame: () => undefined, onEnd: () => undefined }, signal, addresses);
    await connection.request('DESCRIBE', withoutCredentials(url), { Accept: 'application/sdp' }, signal);
  } catch (error) {
    if (cancel.aborted) throw new RuthError('cancelled', 'the camera is being closed', { cause: error });
    // Who does not answer us will not answer another.
    if (signal.aborted || RuthError.from(error).code !== 'camera_protocol') throw error;
  }
}
