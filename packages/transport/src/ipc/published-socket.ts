// A socket that listens under a name of its own beside its public path and is put there in one step: onto a free path by a
// link, which fails where somebody was quicker, or over a predecessor's by a rename, so that at every instant somebody
// listens there. The name holds the public one and the process: it is what the system shows as the socket's address.
import { linkSync, lstatSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { RuthError } from '@ruth/protocol/base';
import { bindSocket, claimSocketPath, demandSocket, isLive, ownerOf, prefixOf } from './socket-path.ts';

let named = 0;

export class PublishedSocket {
  readonly path: string;
  readonly #inode: bigint;

  private constructor(path: string, inode: bigint) {
    this.path = path;
    this.#inode = inode;
  }

  /**
   * Has `server` listen, and puts it at `path`. With `takeOver` whoever listens there is replaced, and must be told to drain;
   * without it this throws as `claimSocketPath` does.
   */
  static async publish(server: Server, path: string, { takeOver }: { takeOver: boolean }): Promise<PublishedSocket> {
    if (takeOver) demandSocket(path);
    else await claimSocketPath(path);
    await sweep(path);
    const beside = `${prefixOf(path)}${process.pid}-${++named}`;
    await bindSocket(server, beside);
    try {
      if (takeOver) {
        renameSync(beside, path);
      } else {
        linkSync(beside, path);
        unlinkSync(beside);
      }
    } catch (cause) {
      server.close();
      const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST';
      throw new RuthError(taken ? 'socket_in_use' : 'invalid_config', `cannot listen on ${path}: ${taken ? `in use by ${ownerOf(path)}` : (cause as Error).message}`, { cause });
    }
    return new PublishedSocket(path, lstatSync(path, { bigint: true }).ino);
  }

  /** Whether this socket is what stands at the path: no successor's, and not removed. */
  get isCurrent(): boolean {
    return lstatSync(this.path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode;
  }

  /** Removes the path, unless it is a successor's by now. */
  withdraw(): void {
    if (this.isCurrent) unlinkSync(this.path);
  }
}

/** Removes what a process left that was killed between listening and publishing. */
async function sweep(path: string): Promise<void> {
  const directory = dirname(path);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return; // listening says it better
  }
  for (const name of names) {
    const left = join(directory, name);
    if (left.startsWith(prefixOf(path)) && !await isLive(left)) rmSync(left, { force: true });
  }
}
