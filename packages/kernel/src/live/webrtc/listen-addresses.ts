// On which addresses a mediasoup worker listens for media, and under which ones viewers are told to come.
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { LiveSettings } from '@ruth/protocol';
import type { types } from 'mediasoup';

export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/**
 * One UDP and one TCP port for each address. A wildcard is resolved to the addresses that this machine has, for a viewer cannot
 * come to 0.0.0.0; where viewers come by another address, as through NAT, `announcedAddress` says which. `port` 0: any free ones.
 * Rejects where a host name has no address.
 */
export async function listenInfos({ host, announcedAddress }: Pick<NonNullable<LiveSettings['webrtc']>, 'host' | 'announcedAddress'>, port: number): Promise<types.TransportListenInfo[]> {
  const addresses = isWildcard(host) && announcedAddress === null ? ownAddresses(host) : [(await lookup(host.replace(/^\[|\]$/g, ''))).address];
  return (['udp', 'tcp'] as const).flatMap((protocol) => addresses.map((ip) => ({
    protocol, ip, ...(port === 0 ? {} : { port }), ...(announcedAddress === null ? {} : { announcedAddress }),
  })));
}

function ownAddresses(wildcard: string): string[] {
  const families = wildcard === '::' ? ['IPv4', 'IPv6'] : ['IPv4'];
  // An address of one link alone is of no use without the name of the link.
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ family, address }) => families.includes(family) && !address.startsWith('fe80:')).map(({ address }) => address);
}
