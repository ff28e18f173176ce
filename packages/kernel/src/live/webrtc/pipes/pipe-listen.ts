// Where one end of a pipe listens, and under which address the other node reaches it: by the settings of WebRTC, but a pipe has one address only.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { isLoopback, RuthError, type LiveSettings } from '@ruth/protocol';
import type { types } from 'mediasoup';
import { isWildcard } from '../listen-addresses.ts';

/** UDP needs some port; nothing is sent to it. */
const ANY_PORT = 9;
const ROUTE_LIMIT_MS = 3000;

export interface PipeListen {
  readonly info: types.TransportListenInfo;
  /** Where the other node shall send. */
  readonly address: string;
}

export interface PipeListenSettings {
  readonly webrtc: Pick<NonNullable<LiveSettings['webrtc']>, 'host' | 'announcedAddress'>;
  readonly ports: NonNullable<LiveSettings['pipes']>['ports'];
}

/** `toward`: name or address of the other node. Throws `invalid_state` where that one could never reach it, `unreachable` where there is no way there. */
export async function pipeListen({ webrtc: { host, announcedAddress }, ports }: PipeListenSettings, toward: string): Promise<PipeListen> {
  const there = (await resolved(toward));
  const own = isWildcard(host) ? await ownAddressToward(there) : await resolved(host);
  if (isLoopback(own) && !isLoopback(there)) throw new RuthError('invalid_state', `live.webrtc.host is ${host}: no other node can send there; give an address of this machine`);
  const address = announcedAddress === null ? own : await resolved(announcedAddress);
  return { address, info: { protocol: 'udp', ip: own, ...(ports === null ? {} : { portRange: { min: ports.first, max: ports.last } }) } };
}

async function resolved(name: string): Promise<string> {
  try {
    return (await lookup(name.replace(/^\[|\]$/g, ''))).address;
  } catch (cause) {
    throw new RuthError('unreachable', `${name} has no address (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, { cause });
  }
}

/** By the routes of this machine; a datagram socket that is connected has sent nothing yet. */
async function ownAddressToward(there: string): Promise<string> {
  const socket = createSocket(isIPv6(there) ? 'udp6' : 'udp4');
  const found = Promise.withResolvers<string>();
  socket.on('error', found.reject);
  const limit = setTimeout(() => found.reject(new Error('it takes too long')), ROUTE_LIMIT_MS);
  try {
    socket.connect(ANY_PORT, there, () => found.resolve(socket.address().address));
    return await found.promise;
  } catch (cause) {
    throw new RuthError('unreachable', `there is no way to ${there}: ${(cause as Error).message}`, { cause });
  } finally {
    clearTimeout(limit);
    socket.close();
  }
}
