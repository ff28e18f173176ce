// What is left to a container: code, its model's folder, rings to read, its socket; for a model on a server elsewhere TCP to that
// server's port, for one that may use a GPU the driver.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseManifest, type Manifest, type Settings } from '@ruth/protocol';
import { gpuFiles, systemFiles, type Confinement, type FileRule } from '@ruth/transport';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'grpc:': 443, 'grpcs:': 443 };
/** Names of servers are looked up, and their certificates checked, with these. */
const RESOLVER_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/host.conf', '/etc/gai.conf', '/etc/ssl', '/usr/share/ca-certificates', '/run/systemd/resolve'];

/** A folder whose manifest cannot be read gets the least: what is wrong with it is said when it is loaded. */
export function confinementOf(folder: string, { socketDirectory, ringDirectory }: Pick<Settings, 'socketDirectory' | 'ringDirectory'>): Confinement {
  const read = (path: string): FileRule => ({ path, access: 'read' });
  const manifest = manifestOf(folder);
  const mayUseGpu = manifest?.model_type === 'onnx' && (manifest.resource_requirements?.device ?? 'auto') !== 'cpu';
  const server = manifest?.remote && new URL(manifest.remote.url);
  return {
    files: [...systemFiles(), ...(mayUseGpu ? gpuFiles() : []), ...(server ? RESOLVER_FILES.map(read) : []), read(resolve(folder)), read(ringDirectory), { path: socketDirectory, access: 'sockets' }],
    tcpPorts: server ? [Number(server.port) || DEFAULT_PORTS[server.protocol]!] : [],
  };
}

/** What a container needs of the settings: no camera, no password. */
export function settingsForContainer({ socketDirectory, ringDirectory, logLevel }: Settings): string {
  return JSON.stringify({ paths: { socket_directory: socketDirectory, ring_directory: ringDirectory }, log_level: logLevel });
}

/** Null where it cannot be read. */
export function manifestOf(folder: string): Manifest | null {
  try {
    return parseManifest(readFileSync(join(folder, 'model.yaml'), 'utf8'), 'model.yaml');
  } catch {
    return null;
  }
}
