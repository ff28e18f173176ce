// The way in for any WHEP player (draft-ietf-wish-whep, after RFC 9725): an offer over HTTP makes a session, whose id ends it. A
// session also ends with its viewer, so nothing stays of a player that went without a word.
import { randomUUID } from 'node:crypto';
import { RuthError } from '@ruth/protocol';
import { viewerCapabilities } from './h264.ts';
import { readOffer, writeAnswer } from './session-description.ts';
import type { Viewer } from './viewer.ts';
import type { WebRtcCamera } from './webrtc-camera.ts';

export interface WhepSession {
  readonly id: string;
  readonly cameraId: string;
  /** Names the ICE session; the same for the whole session, as ICE is never restarted. */
  readonly etag: string;
  /** Of the player. */
  readonly iceUfrag: string;
}

export class WhepSessions {
  readonly #sessions = new Map<string, { readonly session: WhepSession; readonly viewer: Viewer }>();

  get size(): number { return this.#sessions.size; }

  /** Throws `bad_request`, `unsupported_codec`, `overloaded`, `webrtc_unavailable`. */
  async open(camera: WebRtcCamera, offerText: string): Promise<{ session: WhepSession; answer: string }> {
    const offer = readOffer(offerText);
    const viewer = await camera.join({ payloadType: offer.payloadType });
    try {
      await viewer.connect(offer.dtlsParameters);
      const { rtpParameters } = await viewer.consume(viewerCapabilities(offer.payloadType, offer.rtcpFeedback));
      const answer = writeAnswer({ offer, transport: viewer.transport, rtpParameters });
      const session = { id: randomUUID(), cameraId: camera.cameraId, etag: `"${randomUUID()}"`, iceUfrag: offer.iceUfrag };
      this.#sessions.set(session.id, { session, viewer });
      void viewer.gone.then(() => this.#sessions.delete(session.id));
      // Pictures flow as soon as the player has connected.
      camera.watch(viewer, true).catch(() => viewer.close(null));
      return { session, answer };
    } catch (error) {
      viewer.close(null);
      throw error;
    }
  }

  /** Throws `not_found` where it has ended, or is of another camera. */
  session(cameraId: string, id: string): WhepSession { return this.#find(cameraId, id).session; }

  /** Throws `not_found`. */
  close(cameraId: string, id: string): void { this.#find(cameraId, id).viewer.close(null); }

  #find(cameraId: string, id: string): { readonly session: WhepSession; readonly viewer: Viewer } {
    const found = this.#sessions.get(id);
    if (found?.session.cameraId !== cameraId) throw new RuthError('not_found', 'there is no such WHEP session; it may have ended');
    return found;
  }
}
