// Which ONVIF devices are in this network: asked by WS-Discovery, and where credentials are there, each device for its streams.
import { networkInterfaces } from 'node:os';
import { RuthError, type CameraAddresses, type DiscoveredDevice } from '@ruth/protocol';
import { AddressPolicy } from '@ruth/transport';
import onvif from 'onvif';
import type { OnvifTarget } from './messages.ts';
import { OnvifDevice } from './onvif-device.ts';

export interface DiscoveryOptions {
  readonly timeoutMs: number;
  /** Name of a network interface; null: that of the default route. */
  readonly interfaceName: string | null;
  /** Null: devices are not asked for their streams. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
  /** Where cameras may be: what answers from elsewhere is named, and not asked. */
  readonly addresses: CameraAddresses;
}

const MAX_DEVICES = 256;
/** Asked for their streams at once. */
const SIDE_BY_SIDE = 8;

/** Sorted by address. Throws `bad_request` for an interface that is none. */
export async function discover({ timeoutMs, interfaceName, credentials, addresses }: DiscoveryOptions): Promise<DiscoveredDevice[]> {
  if (interfaceName !== null && !networkInterfaces()[interfaceName]?.some(({ family }) => family === 'IPv4')) {
    throw new RuthError('bad_request', `there is no interface ${JSON.stringify(interfaceName)} with an IPv4 address; there are ${Object.keys(networkInterfaces()).join(', ')}`);
  }
  const policy = AddressPolicy.forCameras(addresses);
  const found = await answers(timeoutMs, interfaceName);
  const devices = [...new Map(found.flatMap((answer) => deviceOf(answer, policy) ?? []).map((device) => [device.onvif_url, device])).values()]
    .slice(0, MAX_DEVICES).sort((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }));
  if (credentials === null) return devices;
  const waiting = devices.entries();
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (const [index, device] of waiting) if (device.error === null) devices[index] = { ...device, ...await streamsOf(device, { ...credentials, addresses }) };
  }));
  return devices;
}

function answers(timeoutMs: number, interfaceName: string | null): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const { Discovery } = onvif;
    // What answers nonsense is no device; without a listener it would end the search.
    const ignore = (): void => undefined;
    Discovery.on('error', ignore);
    Discovery.probe({ timeout: timeoutMs, resolve: false, ...(interfaceName === null ? {} : { device: interfaceName }) }, (error, devices) => {
      if (devices) resolve(devices);
      else reject(new RuthError('internal', `the search failed: ${String(error)}`, { cause: error }));
    });
  });
}

interface ProbeMatch { readonly probeMatches?: { readonly probeMatch?: { readonly XAddrs?: unknown; readonly scopes?: unknown } } }

/** Null for an answer that names no address. */
function deviceOf(answer: unknown, policy: AddressPolicy): DiscoveredDevice | null {
  const { XAddrs, scopes } = (answer as ProbeMatch).probeMatches?.probeMatch ?? {};
  // A device with several addresses tells all of them: one where a camera may be; IPv4 first, for that is how it was reached.
  const urls = textOf(XAddrs).split(/\s+/).filter((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)).map((text) => new URL(text));
  const judged = urls.map((one) => ({ url: one, refusal: refusalOf(one, policy), rank: /^[\d.]+$/.test(one.hostname) ? 0 : 1 }));
  const chosen = judged.sort((a, b) => Number(a.refusal !== null) - Number(b.refusal !== null) || a.rank - b.rank)[0];
  if (!chosen) return null;
  const { url, refusal } = chosen;
  url.username = '';
  url.password = '';
  const scope = (name: string): string | null => {
    const encoded = new RegExp(`onvif://www\\.onvif\\.org/${name}/(\\S+)`, 'i').exec(textOf(scopes))?.[1];
    return encoded === undefined ? null : printable(decoded(encoded));
  };
  return { address: url.hostname, onvif_url: url.href, name: scope('name'), hardware: scope('hardware'), location: scope('location'), streams: null, error: refusal };
}

/** Why no camera may be at that address; names are judged when they are looked up. */
function refusalOf(url: URL, policy: AddressPolicy): string | null {
  try {
    policy.assertUrl(url.href);
    return null;
  } catch (cause) {
    return RuthError.from(cause).message;
  }
}

async function streamsOf({ onvif_url: url }: DiscoveredDevice, access: Omit<OnvifTarget, 'url'>): Promise<Pick<DiscoveredDevice, 'streams' | 'error'>> {
  try {
    using device = await OnvifDevice.connect({ url, ...access });
    const { streams, refused } = await device.streams();
    return { streams, error: refused };
  } catch (cause) {
    return { streams: null, error: RuthError.from(cause).message };
  }
}

/** The library gives text, or an object with text where the element has attributes. */
function textOf(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? (value as { _?: unknown })._ : value;
  return typeof text === 'string' ? text : '';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** It will stand on a terminal. */
// eslint-disable-next-line no-control-regex
const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, 100);
