// Which addresses may be reached from here on behalf of a setting (server-side request forgery): nothing of this machine, nothing link-local, where
// clouds keep their secrets (169.254.169.254), unless it is allowed by name. A name is looked up once, and what was judged is what is connected to.
import { lookup as lookUp } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { Agent } from 'undici';

const NEVER: readonly (readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'], ['127.0.0.0', 8, 'ipv4'], ['169.254.0.0', 16, 'ipv4'], ['100.100.100.200', 32, 'ipv4'], ['224.0.0.0', 4, 'ipv4'], ['255.255.255.255', 32, 'ipv4'],
  ['::', 128, 'ipv6'], ['::1', 128, 'ipv6'], ['fe80::', 10, 'ipv6'], ['fd00:ec2::254', 128, 'ipv6'], ['ff00::', 8, 'ipv6'],
];

export class AddressPolicy {
  readonly #refused = new BlockList();
  readonly #allowed = new BlockList();

  /** `allowed`: addresses and networks in CIDR. Throws `invalid_config`. */
  constructor(allowed: readonly string[] = []) {
    for (const [network, prefix, family] of NEVER) this.#refused.addSubnet(network, prefix, family);
    for (const text of allowed) {
      const [address = '', prefix] = text.split('/');
      const family = isIP(address);
      const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
      if (family === 0 || bits > (family === 4 ? 32 : 128)) throw new RuthError('invalid_config', `${text} in allow_addresses is no address and no network`);
      this.#allowed.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
    }
  }

  mayReach(address: string): boolean {
    // ::ffff:127.0.0.1 and its like are judged as what they stand for; BlockList does that for addresses written so.
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return isIP(address) !== 0 && (this.#allowed.check(address, family) || !this.#refused.check(address, family));
  }

  /** Throws `forbidden` where the host is an address that may not be reached; names are judged when they are looked up. */
  assertUrl(url: string): void {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !this.mayReach(host)) throw refused(host);
  }

  /** Connections that go to the address that was judged. Redirects are not followed by undici's `request`. */
  agent(timeoutMs: number): Agent {
    const lookup: LookupFunction = (hostname, options, done) => {
      lookUp(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return done(error, []);
        const wrong = addresses.find(({ address }) => !this.mayReach(address));
        if (wrong) return done(refused(`${hostname} (${wrong.address})`), []);
        if (options.all) done(null, addresses);
        else done(null, addresses[0]!.address, addresses[0]!.family);
      });
    };
    return new Agent({ connect: { lookup, timeout: timeoutMs }, connections: 4, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxResponseSize: 64 * 1024 });
  }
}

const refused = (host: string): RuthError => new RuthError('forbidden', `${host} is an address of this machine, link-local or of a cloud's metadata, which is not reached unless notifications.allow_addresses names it`);
