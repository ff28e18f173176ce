// Seals what stands plain in the document of ruth.yaml: credentials of cameras, of ONVIF, and of the RTSP server.
import { redactUrls } from '@ruth/protocol';
import { isSealed, isSealedUrl, Seal } from '@ruth/transport';
import { isMap, isSeq, type Document, type YAMLMap } from 'yaml';

/** True where something was plain. The key is made where there is something to seal. Throws `invalid_config`. */
export function sealCredentials(document: Document, keyFile: string): boolean {
  let seal: Seal | null = null;
  let hasSealed = false;
  const replace = (map: unknown, key: string, sealed: (text: string, seal: Seal) => string): void => {
    const text = isMap(map) ? map.get(key) : undefined;
    if (typeof text !== 'string') return;
    seal ??= mayHoldCredentials(text, key) ? Seal.findOrMake(keyFile) : null;
    const after = seal === null ? text : sealed(text, seal);
    if (after === text) return;
    (map as YAMLMap).set(key, after);
    hasSealed = true;
  };
  const cameras = document.get('cameras');
  for (const camera of isSeq(cameras) ? cameras.items : []) {
    for (const key of ['url', 'detect_url']) replace(camera, key, (text, one) => one.sealUrl(text));
    const onvif = isMap(camera) ? camera.get('onvif') : undefined;
    replace(onvif, 'password', (text, one) => (isSealed(text) ? text : one.seal(text, String((onvif as YAMLMap).get('url')))));
  }
  replace(document.getIn(['live', 'rtsp']), 'password', (text, one) => (isSealed(text) ? text : one.seal(text, 'live.rtsp')));
  return hasSealed;
}

/** A key is made for what needs one alone. */
function mayHoldCredentials(text: string, key: string): boolean { return key === 'password' ? !isSealed(text) : !isSealedUrl(text) && redactUrls(text) !== text; }
