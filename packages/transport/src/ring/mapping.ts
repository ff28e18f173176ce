// Shared mappings of files, through libc (Linux, 64 bit).
//
// A Buffer over a mapping outlives any close(), so close() never leaves a hole behind: it lays private zero pages over
// the range, which frees the memory and keeps every old view readable (and, where it was writable, writable without
// effect). The address range itself is given back when the last view has been collected.
import koffi from 'koffi';
import { RuthError } from '@ruth/protocol/base';

const libc = koffi.load(null);
const mmap = libc.func('void *mmap(void *address, size_t bytes, int protection, int flags, int fd, long offset)') as
  (address: bigint | null, bytes: number, protection: number, flags: number, fd: number, offset: number) => bigint;
const munmap = libc.func('int munmap(void *address, size_t bytes)') as (address: bigint, bytes: number) => number;
const posixFallocate = libc.func('int posix_fallocate(int fd, long offset, long bytes)') as (fd: number, offset: number, bytes: number) => number;
const flock = libc.func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const LOCK_EXCLUSIVE_NOW = 2 | 4;

const collected = new FinalizationRegistry<{ address: bigint; bytes: number }>(({ address, bytes }) => munmap(address, bytes));

export interface Mapping {
  readonly bytes: ArrayBuffer;
  close(): void;
}

/** Maps the first `bytes` of an open file. A write to a `read` mapping kills the process: that is the point of it. */
export function mapFile(fd: number, bytes: number, access: 'read' | 'read-write'): Mapping {
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  const address = mmap(null, bytes, protection, MAP_SHARED, fd, 0);
  if (address === MAP_FAILED) throw new RuthError('internal', `mmap of ${bytes} bytes failed: ${errorName(koffi.errno())}`);
  const view = koffi.view(address, bytes);
  collected.register(view, { address, bytes });
  let open = true;
  return {
    bytes: view,
    close() {
      if (!open) return;
      open = false;
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
      if (mmap(address, bytes, protection, flags, -1, 0) === MAP_FAILED) throw new RuthError('internal', `mmap over a closed mapping failed: ${errorName(koffi.errno())}`);
    },
  };
}

/** Gives the file `bytes` of real memory, so that no later write can die of SIGBUS. False where there is no room. */
export function allocateFile(fd: number, bytes: number): boolean {
  const error = posixFallocate(fd, 0, bytes);
  if (error === koffi.os.errno.ENOSPC) return false;
  if (error !== 0) throw new RuthError('internal', `posix_fallocate of ${bytes} bytes failed: ${errorName(error)}`);
  return true;
}

/**
 * Locks an open file until it is closed or its process is gone, however that ended. False where another holds the lock.
 * Unlike a process id, it cannot be reused and is true across PID namespaces.
 */
export function lockFile(fd: number): boolean {
  return flock(fd, LOCK_EXCLUSIVE_NOW) === 0;
}

function errorName(errno: number): string {
  return Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
