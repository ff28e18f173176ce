// Port 0 is resolved once, before anything starts: a server that is restarted must come back under the address people have open.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Settings } from '@ruth/protocol';

/** The settings with a free port where they ask for any. */
export async function withFixedPort(settings: Settings): Promise<Settings> {
  if (settings.http.port !== 0) return settings;
  const probe = createServer().listen(0, settings.http.host);
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return { ...settings, http: { ...settings.http, port } };
}
