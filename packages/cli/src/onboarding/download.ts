// Fetches a file of weights from an address that a person named: over HTTPS alone, never from an address of this network, within
// limits of size and time, and with a hash of what came.
import { createHash } from 'node:crypto';
import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RuthError } from '@ruth/protocol';

export interface DownloadOptions {
  readonly mostBytes: number;
  readonly timeMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (bytes: number, of: number | null) => void;
  /** In place of HTTPS, for tests. */
  readonly get?: (url: URL, signal: AbortSignal) => Promise<HttpAnswer>;
}

export interface HttpAnswer { readonly status: number; readonly location: string | undefined; readonly length: number | null; readonly body: AsyncIterable<Buffer>; close(): void }

const MOST_REDIRECTS = 5;

const INNER = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['224.0.0.0', 3],
] as const) INNER.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [['::', 127], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8], ['64:ff9b:1::', 48], ['2001:db8::', 32]] as const) INNER.addSubnet(network, prefix, 'ipv6');

/** Whether an address is of this machine, of a network behind it, or of nobody. */
export function isInnerAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  // IPv4 in the clothes of IPv6.
  const mapped = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isInnerAddress(mapped);
  return INNER.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Writes what stands at `address` to `target`; gives its sha256 and size. Throws `bad_request`, `unreachable`, `timeout`, `cancelled`. */
export async function download(address: string, target: string, options: DownloadOptions): Promise<{ sha256: string; bytes: number }> {
  const limit = AbortSignal.timeout(options.timeMs);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  try {
    const answer = await follow(address, options.get ?? overHttps, signal);
    try {
      return await save(answer, target, options, signal);
    } finally {
      answer.close();
    }
  } catch (cause) {
    if (options.signal?.aborted) throw new RuthError('cancelled', 'stopped', { cause });
    if (limit.aborted) throw new RuthError('timeout', `${address} did not come within ${Math.round(options.timeMs / 1000)} s`, { cause });
    throw cause instanceof RuthError ? cause : new RuthError('unreachable', `${address} cannot be fetched: ${(cause as Error).message}`, { cause });
  }
}

async function follow(address: string, get: NonNullable<DownloadOptions['get']>, signal: AbortSignal): Promise<HttpAnswer> {
  let url = checkedUrl(address);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const answer = await get(url, signal);
    if (answer.status === 200) return answer;
    answer.close();
    if (answer.status < 300 || answer.status >= 400 || answer.location === undefined) throw new RuthError('unreachable', `${url.href} answers with status ${answer.status}`);
    if (!URL.canParse(answer.location, url)) throw new RuthError('bad_request', `${url.href} leads to ${answer.location.slice(0, 200)}, which is no address`);
    url = checkedUrl(new URL(answer.location, url).href);
  }
  throw new RuthError('bad_request', `${address} leads on more than ${MOST_REDIRECTS} times`);
}

/** Throws `bad_request` for what is no HTTPS address of a public host. */
export function checkedUrl(address: string): URL {
  if (!URL.canParse(address)) throw new RuthError('bad_request', `${address} is no address`);
  const url = new URL(address);
  if (url.protocol !== 'https:') throw new RuthError('bad_request', `${url.href}: only https:// is fetched`);
  if (url.username !== '' || url.password !== '') throw new RuthError('bad_request', 'an address with a password is not fetched; download the file and add that');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && isInnerAddress(host))) throw new RuthError('bad_request', `${url.hostname} is an address of this machine or network, from which nothing is fetched`);
  return url;
}

async function save(answer: HttpAnswer, target: string, { mostBytes, onProgress }: DownloadOptions, signal: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  const tooLarge = (bytes: number): RuthError => new RuthError('bad_request', `it has ${bytes} bytes or more; ${mostBytes} are allowed (--size-limit)`);
  if (answer.length !== null && answer.length > mostBytes) throw tooLarge(answer.length);
  const hash = createHash('sha256');
  const file = createWriteStream(target, { flags: 'wx' });
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > mostBytes) throw tooLarge(bytes);
      hash.update(chunk);
      if (!file.write(chunk)) await once(file, 'drain', { signal });
      onProgress?.(bytes, answer.length);
    }
    if (answer.length !== null && bytes !== answer.length) throw new RuthError('unreachable', `only ${bytes} of ${answer.length} bytes came`);
  } finally {
    const closed = once(file, 'close');
    file.end();
    await closed;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** The address that is connected to is the one that was checked: a name that answers another address the second time gains nothing. */
const publicLookup: LookupFunction = (host, options, callback) => {
  resolveName(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0);
    const inner = addresses.find(({ address }) => isInnerAddress(address));
    if (inner || addresses.length === 0) return callback(new RuthError('bad_request', `${host} is ${inner?.address ?? 'nowhere'}, an address of this machine or network, from which nothing is fetched`), '', 0);
    if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

async function overHttps(url: URL, signal: AbortSignal): Promise<HttpAnswer> {
  const request = httpsGet(url, { lookup: publicLookup, signal, headers: { 'user-agent': 'ruth', accept: 'application/octet-stream, */*' } });
  const [response] = await once(request, 'response') as [IncomingMessage];
  const length = Number(response.headers['content-length']);
  return { status: response.statusCode ?? 0, location: response.headers.location, length: Number.isSafeInteger(length) && response.headers['content-length'] !== undefined ? length : null, body: response, close: () => response.destroy() };
}
