// What the views of cameras ask the server, and where in a form its objections belong.
import type { CameraIntentChange, CameraProbe, CameraSearch, CameraUpdate, DiscoveredDevice, NewCamera, NodeCamera, ProbeReport, RuleTest, RuleTestRequest } from '@ruth/protocol';
import { ask, send, type Answer, type Failure } from '../system/api.ts';

/** A camera that hangs is let go after some seconds. */
const CHANGE_TIMEOUT_MS = 30_000;
/** A stream whose keyframes are rare is watched for long. */
const FIND_TIMEOUT_MS = 160_000;

/** Cameras of a site have one. */
const revisionOf = ({ site }: NodeCamera): { revision?: number } => (site === undefined ? {} : { revision: site.revision });

const of = (id: string): string => `cameras/${encodeURIComponent(id)}`;

export const cameraSettings = (id: string): Promise<Answer<NodeCamera>> => ask<NodeCamera>(`${of(id)}/settings`);
export const addCamera = (camera: NewCamera): Promise<Answer<NodeCamera>> => send<NodeCamera>('POST', 'cameras', camera, { timeoutMs: CHANGE_TIMEOUT_MS });
/** As it was told last: where somebody changed it meanwhile, nothing is changed. */
export const changeCamera = (camera: NodeCamera, change: CameraUpdate): Promise<Answer<NodeCamera>> => send<NodeCamera>('PATCH', of(camera.config.id), { ...change, ...revisionOf(camera) }, { timeoutMs: CHANGE_TIMEOUT_MS });
/** Likewise. */
export const removeCamera = ({ config: { id }, site }: NodeCamera): Promise<Answer<null>> => send<null>('DELETE', site === undefined ? of(id) : `${of(id)}?revision=${site.revision}`, undefined, { timeoutMs: CHANGE_TIMEOUT_MS });
export const changeIntent = (camera: NodeCamera, change: CameraIntentChange): Promise<Answer<NodeCamera>> => send<NodeCamera>('PATCH', `${of(camera.config.id)}/intent`, { ...change, ...revisionOf(camera) }, { timeoutMs: CHANGE_TIMEOUT_MS });
export const probeCamera = (probe: CameraProbe, signal: AbortSignal): Promise<Answer<ProbeReport>> => send<ProbeReport>('POST', 'cameras/probe', probe, { timeoutMs: FIND_TIMEOUT_MS, signal });
export const searchCameras = (search: CameraSearch, signal: AbortSignal): Promise<Answer<DiscoveredDevice[]>> => send<DiscoveredDevice[]>('POST', 'cameras/discover', search, { timeoutMs: FIND_TIMEOUT_MS, signal });

/** A busy hour takes a while. */
const TEST_TIMEOUT_MS = 60_000;
export const testRules = (id: string, request: RuleTestRequest, signal: AbortSignal): Promise<Answer<RuleTest>> => send<RuleTest>('POST', `${of(id)}/rules/test`, request, { timeoutMs: TEST_TIMEOUT_MS, signal });

/** By the key that follows `pointer`: what is wrong there. Under the empty key what belongs nowhere else. */
export function problemsUnder(failure: Failure | null, pointer: string): Record<string, string> {
  if (failure === null) return {};
  const { problems: told = [] } = failure;
  const problems: Record<string, string> = {};
  for (const { pointer: place, message } of told) {
    const key = place.startsWith(`${pointer}/`) ? place.slice(pointer.length + 1).split('/')[0]! : '';
    problems[key] ??= key === '' && place !== '' ? `${place.slice(1).replaceAll('/', '.')}: ${message}` : message;
  }
  return told.length === 0 ? { '': failure.advice ? `${failure.message}. ${failure.advice}` : failure.message } : problems;
}

/** With user and password in it, each percent-encoded. What is no URL stays as it is, for the server to say so. */
export function urlWith(address: string, user: string, password: string): string {
  const text = address.trim();
  const full = text.includes('://') ? text : `rtsp://${text}`;
  if (user === '' || !URL.canParse(full)) return full;
  const [scheme, rest] = full.split('://') as [string, string];
  const at = rest.lastIndexOf('@', rest.includes('/') ? rest.indexOf('/') : rest.length);
  return `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${at < 0 ? rest : rest.slice(at + 1)}`;
}

/** `Front door` as `front-door`, and none that is taken. */
export function idOfName(name: string, taken: readonly string[]): string {
  const plain = name.normalize('NFKD').replace(/[^\w. -]/g, '').trim().toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '').slice(0, 50) || 'camera';
  if (!taken.includes(plain)) return plain;
  for (let number = 2; ; number++) if (!taken.includes(`${plain}-${number}`)) return `${plain}-${number}`;
}
