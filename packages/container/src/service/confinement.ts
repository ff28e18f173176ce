// What is left to a container: code, its model's folder, rings to read, its socket; for a model on a server elsewhere TCP to that
// server's port, for one that may use a GPU the driver.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { soundManifest } from '@ruth/protocol/compiled';
import type { Manifest, Settings } from '@ruth/protocol';
import { gpuFiles, systemFiles, type Confinement, type FileRule } from '@ruth/transport/confine';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'grpc:': 443, 'grpcs:': 443 };
/** Names of servers are looked up, and their certificates checked, with these. */
const RESOLVER_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/host.conf', '/etc/gai.conf', '/etc/ssl', '/usr/share/ca-certificates', '/run/systemd/resolve'];

/** A folder whose manifest cannot be read (null) gets the least: what is wrong with it is said when it is loaded. `compiled`: where what Node compiled is kept. */
export function confinementOf(folder: string, manifest: Manifest | null, { socketDirectory, ringDirectory }: Pick<Settings, 'socketDirectory' | 'ringDirectory'>, compiled?: string): Confinement {
  const read = (path: string): FileRule => ({ path, access: 'read' });
  const mayUseGpu = manifest?.model_type === 'onnx' && (manifest.resource_requirements?.device ?? 'auto') !== 'cpu';
  const server = manifest?.remote && new URL(manifest.remote.url);
  return {
    files: [...systemFiles(), ...(mayUseGpu ? gpuFiles() : []), ...(server ? RESOLVER_FILES.map(read) : []), read(resolve(folder)), read(ringDirectory), ...(compiled === undefined ? [] : [read(compiled)]), { path: socketDirectory, access: 'sockets' }],
    tcpPorts: server ? [Number(server.port) || DEFAULT_PORTS[server.protocol]!] : [],
  };
}

/** Null where it cannot be read. */
export async function manifestOf(folder: string): Promise<Manifest | null> {
  try {
    return soundManifest(await readFile(join(folder, 'model.yaml'), 'utf8'));
  } catch {
    return null;
  }
}
