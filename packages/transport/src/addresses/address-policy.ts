// Which addresses may be reached from here on behalf of a setting or a request (server-side request forgery), in one place for all that reaches out.
// Link-local addresses, where clouds keep their secrets (169.254.169.254), are refused unless named; cameras may be on this machine and its
// networks, what is notified may not be on this machine. A name is looked up once, and what was judged is what is connected to.
import { lookup as lookUp } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RuthError, type CameraAddresses } from '@ruth/protocol';

const NOWHERE = ['0.0.0.0/8', '169.254.0.0/16', '100.100.100.200/32', '224.0.0.0/4', '240.0.0.0/4', '::/128', 'fe80::/10', 'fd00:ec2::254/128', 'ff00::/8'];
const THIS_MACHINE = ['127.0.0.0/8', '::1/128'];

interface Rules { readonly refused: readonly string[]; readonly allowed: readonly string[]; readonly only: readonly string[] | null; /** Why, for who reads it. */ readonly reason: string }

export class AddressPolicy {
  readonly #refused: BlockList;
  readonly #allowed: BlockList;
  readonly #only: BlockList | null;
  readonly #reason: string;

  private constructor({ refused, allowed, only, reason }: Rules) {
    [this.#refused, this.#allowed, this.#only] = [networks(refused), networks(allowed), only && networks(only)];
    this.#reason = reason;
  }

  /** Of webhooks and the like. `allowed`: addresses, and networks in CIDR. Throws `invalid_config`. */
  static forNotifications(allowed: readonly string[] = []): AddressPolicy {
    return new AddressPolicy({ refused: [...NOWHERE, ...THIS_MACHINE], allowed, only: null, reason: 'is an address of this machine, link-local or of a cloud\'s metadata, which is not reached unless notifications.allow_addresses names it' });
  }

  /** Of cameras. Throws `invalid_config`. */
  static forCameras({ allow = [], only }: CameraAddresses = {}): AddressPolicy {
    return new AddressPolicy({
      refused: NOWHERE, allowed: allow, only: only ?? null,
      reason: only ? 'is not in camera_addresses.only, and no camera elsewhere is reached' : 'is link-local, of a cloud\'s metadata or of no single machine, and no camera there is reached unless camera_addresses.allow names it',
    });
  }

  mayReach(address: string): boolean {
    // ::ffff:127.0.0.1 and its like are judged as what they stand for; BlockList does that for addresses written so.
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0) return false;
    return this.#allowed.check(address, family) || (this.#only ? this.#only.check(address, family) : !this.#refused.check(address, family));
  }

  /** Throws `forbidden` where the host is an address that may not be reached; names are judged when they are looked up. */
  assertUrl(url: string): void {
    const host = hostOf(url);
    if (isIP(host) !== 0 && !this.mayReach(host)) throw this.#refusal(host);
  }

  /** Of all that a name stands for, one address that may be reached and was judged. Throws `forbidden` where one of them may not be, ENOTFOUND and its like. */
  async resolve(url: string): Promise<string> {
    this.assertUrl(url);
    return new Promise((resolve, reject) => this.lookup(hostOf(url), { all: false }, (error, address) => { if (error) reject(error); else resolve(address as string); }));
  }

  /** For `connect`: what it gives was judged. */
  readonly lookup: LookupFunction = (hostname, options, done) => {
    lookUp(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      const wrong = addresses.find(({ address }) => !this.mayReach(address));
      if (wrong) return done(this.#refusal(`${hostname} (${wrong.address})`), []);
      if (options.all) done(null, addresses);
      else done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };

  #refusal(host: string): RuthError { return new RuthError('forbidden', `${host} ${this.#reason}`); }
}

/** As it stands in a URL; of non-special schemes (rtsp:) numbers are not read as addresses by URL, and are names here. */
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '');

/** Addresses and networks (`10.0.0.0/8`). Throws `invalid_config` naming what is none. */
export function networks(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix] = text.split('/');
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    if (family === 0 || bits > (family === 4 ? 32 : 128)) throw new RuthError('invalid_config', `${text} is no address and no network; write 192.0.2.7 or 192.0.2.0/24`);
    list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
