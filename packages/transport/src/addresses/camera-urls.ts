// URLs that somebody gives for a camera, judged before they are kept: what is wrong is told with its place.
import { setTimeout as delay } from 'node:timers/promises';
import { cameraUrlProblem, RuthError, type CameraAddresses } from '@ruth/protocol';
import { AddressPolicy } from './address-policy.ts';

/** A name that is not found so soon is judged when it is connected to. */
const NAME_LIMIT_MS = 3000;

export interface CameraUrls { readonly url?: string; readonly detect_url?: string | null; readonly onvif?: { readonly url: string } | null }

/** Throws `bad_request`, and `forbidden` where no camera may be. A URL that was shown without its credentials is not taken for one; a name that stands for nothing now is judged when it is connected to. */
export async function assertCameraUrls(given: CameraUrls, addresses: CameraAddresses | undefined): Promise<void> {
  for (const key of ['url', 'detect_url'] as const) {
    const url = given[key];
    if (url === undefined || url === null) continue;
    const message = url.includes('//***@') ? 'is as it is shown, without user and password; give it whole, or leave it out to keep it' : cameraUrlProblem(url);
    if (message !== null) throw new RuthError('bad_request', `${key} ${message}`, { problems: [{ pointer: `/${key}`, message }] });
  }
  const policy = AddressPolicy.forCameras(addresses);
  for (const [pointer, url] of [['/url', given.url], ['/detect_url', given.detect_url], ['/onvif/url', given.onvif?.url]] as const) {
    if (url === undefined || url === null || !URL.canParse(url)) continue;
    await Promise.race([policy.resolve(url), delay(NAME_LIMIT_MS, undefined, { ref: false })]).catch((error: unknown) => {
      if (error instanceof RuthError) throw new RuthError(error.code, error.message, { problems: [{ pointer, message: error.message }] });
    });
  }
}
