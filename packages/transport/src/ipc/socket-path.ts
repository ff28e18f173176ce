// Who may listen at a path: a stale socket is removed, a live one is never taken over, what is no socket is never touched.
import { lstatSync, readFileSync, readdirSync, readlinkSync, unlinkSync, type BigIntStats } from 'node:fs';
import { connect, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { RuthError } from '@ruth/protocol/base';

/** `sun_path` of Linux, less its closing zero. */
const MAX_PATH_BYTES = 107;
const PROBE_LIMIT_MS = 1000;

/**
 * Makes `path` free to listen on. Throws `socket_in_use`, naming the owner, where a process listens there or something
 * other than a socket stands there; `invalid_config` where no socket could have that path.
 */
export async function claimSocketPath(path: string): Promise<void> {
  checkLength(path);
  const before = demandSocket(path);
  if (before === null) return;
  if (await isLive(path)) throw new RuthError('socket_in_use', `${path} is in use by ${ownerOf(path)}`);
  // Another process may have claimed the path since: only the very socket that refused us is removed.
  const after = stats(path);
  if (after === null) return;
  if (after.ino !== before.ino || after.ctimeNs !== before.ctimeNs) throw new RuthError('socket_in_use', `${path} was taken just now by ${ownerOf(path)}`);
  unlinkSync(path);
}

/** Claims `path`, then listens on it. The socket has mode 0600 from its first moment and is removed when the server closes. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await claimSocketPath(path);
  await bindSocket(server, path);
}

/** Listens on a path where nothing stands. Throws `socket_in_use` where something does, `invalid_config` where it cannot be. */
export async function bindSocket(server: Server, path: string): Promise<void> {
  checkLength(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('listening', resolve);
  server.once('error', reject);
  // bind() happens inside listen(), so that no other file is made under this mask.
  const mask = process.umask(0o177);
  try {
    server.listen({ path, backlog: 1024 });
  } finally {
    process.umask(mask);
  }
  try {
    await promise;
  } catch (cause) {
    const inUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    throw new RuthError(inUse ? 'socket_in_use' : 'invalid_config', `cannot listen on ${path}: ${inUse ? `in use by ${ownerOf(path)}` : (cause as Error).message}`, { cause });
  } finally {
    server.off('listening', resolve);
    server.off('error', reject);
  }
}

/** What stands at the path, if anything. Throws `socket_in_use` where that is something other than a socket. */
export function demandSocket(path: string): BigIntStats | null {
  const found = stats(path);
  if (found && !found.isSocket()) throw new RuthError('socket_in_use', `${path} is not a socket; it is left alone: move it away or choose another socket directory`);
  return found;
}

/** What the names begin with under which sockets of one public path listen. */
export function prefixOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.`);
}

function checkLength(path: string): void {
  const pathBytes = Buffer.byteLength(path);
  if (pathBytes > MAX_PATH_BYTES) {
    throw new RuthError('invalid_config', `${path} has ${pathBytes} bytes; a socket's path may have ${MAX_PATH_BYTES}: use a shorter socket directory or id`);
  }
}

function stats(path: string): BigIntStats | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

export async function isLive(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(true));
  // Only a refusal (nobody listens) or a missing file is proof of staleness: a full backlog or a lack of rights is not.
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  socket.setTimeout(PROBE_LIMIT_MS, () => resolve(true));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** For a message: `process 123 (node)`, or that it cannot be told. */
export function ownerOf(path: string): string {
  try {
    const inodes = new Set(readFileSync('/proc/net/unix', 'utf8').split('\n').map((line) => line.split(/\s+/)).filter((row) => row[7] === path || row[7]?.startsWith(prefixOf(path))).map((row) => row[6]));
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (openSockets(pid).some((inode) => inodes.has(inode))) return `process ${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
    }
  } catch {
    // no /proc, or the process ended meanwhile
  }
  return 'a process that cannot be told from here (another user or container)';
}

function openSockets(pid: string): string[] {
  const directory = `/proc/${pid}/fd`;
  return attempt(() => readdirSync(directory)).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(attempt(() => [readlinkSync(`${directory}/${fd}`)])[0] ?? '')?.[1] ?? []);
}

/** Nothing where a process is another user's, or is gone between two looks. */
function attempt(look: () => string[]): string[] {
  try {
    return look();
  } catch {
    return [];
  }
}
