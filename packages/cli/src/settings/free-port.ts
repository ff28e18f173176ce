// The server's port, before anything starts: 0 is resolved once, for a server that is restarted must come back under the address people have
// open; one that is taken is said at once.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { RuthError, type Settings } from '@ruth/protocol';

/** The settings with a free port where they ask for any. Throws `socket_in_use` where the one they name is taken, `invalid_config` where this user may not take it. */
export async function withFixedPort(settings: Settings): Promise<Settings> {
  const { host, port: wanted } = settings.http;
  const probe = createServer().listen(wanted, host);
  try {
    await once(probe, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new RuthError('socket_in_use', `port ${wanted} of ${host} is taken by another program`, { cause });
    if (code === 'EACCES') throw new RuthError('invalid_config', `port ${wanted} of ${host} is not this user's to take; name one from 1024 on with RUTH_HTTP_PORT or http.port`, { cause });
    // What else is wrong with it the server tells.
    return settings;
  }
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return { ...settings, http: { ...settings.http, port } };
}
